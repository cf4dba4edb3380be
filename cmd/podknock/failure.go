package main

// failure is an exit code that is no mistake in the command line, with what there is to say beside the result. The error may be nil.
type failure struct {
	code int
	err  error
}

// Error says what went wrong.
func (f failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

// Unwrap returns what went wrong.
func (f failure) Unwrap() error { return f.err }
