package policy

import "errors"

// Evaluator answers queries about one cluster. It is immutable and safe for concurrent use. It refers to the objects that it was compiled
// from: they must not be changed.
type Evaluator struct{}

// Compile indexes a cluster. It fails closed: an unreadable selector or cidr, a pod without its namespace, a duplicate or an unnamed object
// is an error that names the object, all of them joined.
func Compile(cluster Cluster) (*Evaluator, error) {
	return nil, errors.New("compile: not written yet")
}

// Verdict judges a connection. The error says that the query names something that the cluster does not hold, or makes no sense; it is never
// a verdict.
func (e *Evaluator) Verdict(query Query) (Verdict, error) {
	return "", errors.New("verdict: not written yet")
}

// Explain judges a connection and keeps the trace. Its verdict is always that of Verdict.
func (e *Evaluator) Explain(query Query) (Explanation, error) {
	return Explanation{}, errors.New("explain: not written yet")
}

// Selected lists the pods that a policy selects, sorted by name, hostNetwork pods included.
func (e *Evaluator) Selected(policy PolicyRef) ([]Endpoint, error) {
	return nil, errors.New("selected: not written yet")
}
