package probe

import "context"

// Prober makes attempts. The zero value is usable; one Prober per process keeps the budgets of ICMP errors that the
// hosts around it have left. It is safe for concurrent use and must not be copied after its first use.
type Prober struct {
	// Token is the run's, for responders that know it. Empty sends anonymous hellos and believes unsigned answers.
	Token Token
	// Pace bounds what the prober does at once.
	Pace Pace
	// ResolvConf is the path of resolv.conf(5); it defaults to /etc/resolv.conf. It is read at the start of each Run that
	// has a name to look up.
	ResolvConf string

	budget icmpBudget
	pacer  pacer
	usage  usage
	holds  holds
}

// Attempt makes one attempt and returns when it is decided. What went wrong is in the Result.
func (p *Prober) Attempt(ctx context.Context, a Attempt) Result {
	var result Result
	p.Run(ctx, []Attempt{a}, func(r Result) { result = r })
	return result
}

// Run makes all attempts concurrently, paced, and delivers exactly one Result for each as it is decided, in no
// particular order. deliver is called by the caller's goroutine and should not block: the attempts wait meanwhile.
// When ctx ends, what is undecided is delivered as Error. Run returns after the last delivery; it starts no goroutine
// and creates all sockets on the calling thread, and so in that thread's network namespace.
func (p *Prober) Run(ctx context.Context, attempts []Attempt, deliver func(Result)) {
	p.run(ctx, attempts, deliver)
}
