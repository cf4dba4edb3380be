package probe

import "math"

// unansweredProbability returns q, the chance that one packet or its answer is lost, for the measured loss of an
// attempt in one direction.
func unansweredProbability(loss float64) float64 {
	if loss <= 0 {
		loss = DefaultLoss
	}
	loss = min(loss, 1)
	return 1 - (1-loss)*(1-loss)
}

// silenceProbability returns q^tries: the chance that loss alone left all tries unanswered.
func silenceProbability(loss float64, tries int) float64 {
	return math.Pow(unansweredProbability(loss), float64(tries))
}

// triesNeeded returns how many unanswered tries it takes to be sure of silence, at most MaxSYNs.
func triesNeeded(loss float64) int {
	q := unansweredProbability(loss)
	if q >= 1 {
		return MaxSYNs
	}
	return min(MaxSYNs, int(math.Floor(math.Log(MaxErrorProbability)/math.Log(q)))+1)
}
