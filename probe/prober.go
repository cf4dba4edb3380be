package probe

import "context"

// Prober makes attempts. The zero value is usable; one Prober per process keeps the budgets of ICMP errors that the
// hosts around it have left. It is safe for concurrent use.
type Prober struct {
	// Token is the run's, for responders that ask for one. Empty sends none.
	Token string
	// Pace bounds what the prober does at once.
	Pace Pace
	// ResolvConf is the path of resolv.conf(5); it defaults to /etc/resolv.conf.
	ResolvConf string
}

// Pace bounds what a Prober does at once. The zero value is the default pace.
type Pace struct {
	// SocketsPer100ms bounds new sockets; the bound is halved while the 99th percentile of open connects is above
	// 50 ms. Zero means 300.
	SocketsPer100ms int `json:"socketsPer100ms,omitempty"`
	// Waiting bounds attempts under way; others queue. Zero means 4,096.
	Waiting int `json:"waiting,omitempty"`
	// Descriptors bounds open sockets. Zero means what the process's limit leaves, less a reserve.
	Descriptors int `json:"descriptors,omitempty"`
}

// Attempt makes one attempt and returns when it is decided. What went wrong is in the Result.
func (p *Prober) Attempt(ctx context.Context, a Attempt) Result {
	var result Result
	p.Run(ctx, []Attempt{a}, func(r Result) { result = r })
	return result
}

// Run makes all attempts concurrently, paced, and delivers exactly one Result for each as it is decided, in no
// particular order. deliver is called by one goroutine at a time and should not block: the attempts wait meanwhile.
// When ctx ends, what is undecided is delivered as Error. Run returns after the last delivery.
func (p *Prober) Run(ctx context.Context, attempts []Attempt, deliver func(Result)) {
	for _, a := range attempts {
		o := Observation{Failure: "not implemented"}
		deliver(Result{ID: a.ID, Reading: Classify(a, o, nil), Observation: o})
	}
}
