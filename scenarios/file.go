package scenarios

// File is the name of the file that the scenario was read from; library/SUITE/NAME.yaml for a built-in one.
func (s *Scenario) File() string { return s.source.file }
