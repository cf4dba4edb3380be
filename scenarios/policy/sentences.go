package policy

// Sentence says the verdict and its reason in one line.
func (e Explanation) Sentence() string { return "" }

// Sentences says everything that the explanation holds, one fact a line: the verdict, then for each path both ends with their
// misses, changes and hints.
func (e Explanation) Sentences() []string { return nil }

// Sentence says the change in one line, as an instruction.
func (c Change) Sentence() string { return "" }
