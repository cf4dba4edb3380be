package probe

// Classify derives what an observation of an attempt means. It is pure: no clock, no system, no state. d is what the
// other end knows and may be nil; a later join of the same observation with it derives the outcome again.
func Classify(a Attempt, o Observation, d *Destination) Reading {
	return Reading{Outcome: Error, Reason: "not classified"}
}
