//go:build linux && wire

package probe_test

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"slices"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/probe/internal/wirebed"
)

var (
	repeat = flag.Int("wire.repeat", 20, "how often each attempt of each condition is made")
	update = flag.Bool("update", false, "write the golden files instead of comparing with them")
)

func TestMain(m *testing.M) {
	flag.Parse()
	if os.Getenv(responderEnvironment) != "" {
		if err := serveUntilEOF(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	// Conditions wait most of the time: more of them than processors can be under way.
	if runtime.GOMAXPROCS(0) < 8 {
		flag.Set("test.parallel", "8")
	}
	os.Exit(m.Run())
}

const (
	testedPort  = 8080 // conditions concern this port
	controlPort = 9090 // and leave this one open
	closedPort  = 7070
	wireToken   = probe.Token("of the wire tests")
)

var serverIdentity = probe.Identity{Pod: "server", Namespace: "wire", UID: "uid-of-server", Node: "node2"}

// network is a bed with a responder at the server.
type network struct {
	*wirebed.Bed
	t        testing.TB
	arrivals *probe.ArrivalLog
	prober   *probe.Prober
}

// newNetwork proves that both protocols and families reach the responder before anything is in their way.
func newNetwork(t testing.TB) *network {
	t.Helper()
	n := &network{Bed: wirebed.New(t), t: t, arrivals: &probe.ArrivalLog{}, prober: &probe.Prober{Token: wireToken}}
	n.respond(wirebed.Server, serverIdentity, testedPort, controlPort)
	for _, protocol := range []probe.Protocol{probe.TCP, probe.UDP} {
		for _, family := range bothFamilies {
			result := n.knock(probe.Attempt{Protocol: protocol, Host: serverAddress(family).String(), Port: testedPort, UID: serverIdentity.UID})[0]
			NewWithT(t).Expect(result.Outcome).To(Equal(probe.Connected), "before any condition: %s", result.Reason)
		}
	}
	return n
}

// respond starts a responder of ours at the place, on all its addresses.
func (n *network) respond(place wirebed.Place, identity probe.Identity, ports ...uint16) {
	n.t.Helper()
	options := probe.ResponderOptions{Identity: identity, Token: wireToken, Arrivals: n.arrivals}
	for _, port := range ports {
		options.Ports = append(options.Ports, probe.Port{Number: port, Protocol: probe.TCP}, probe.Port{Number: port, Protocol: probe.UDP})
	}
	ctx, cancel := context.WithCancel(context.Background())
	var responder *probe.Responder
	var err error
	n.In(place, func() { responder, err = probe.Listen(ctx, options) })
	if err != nil {
		n.t.Fatal(err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		responder.Serve(ctx)
	}()
	n.t.Cleanup(func() {
		cancel()
		<-served
	})
}

// knock makes the attempts from the client, as a user without rights. Results come in the order of the attempts.
func (n *network) knock(attempts ...probe.Attempt) []probe.Result {
	n.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	for i := range attempts {
		attempts[i].ID = fmt.Sprint(i)
	}
	results := make([]probe.Result, len(attempts))
	n.Unprivileged(wirebed.Client, func() {
		n.prober.Run(ctx, attempts, func(r probe.Result) {
			var i int
			fmt.Sscan(r.ID, &i)
			results[i] = r
		})
	})
	return results
}

// useSource gives the client one of many IPv4 source addresses, and a prober that remembers nothing.
func (n *network) useSource(i int) {
	n.t.Helper()
	source := fmt.Sprintf("10.77.1.%d", 10+i%200)
	n.IP(wirebed.Client, "address replace "+source+"/24 dev right", "route replace default via 10.77.1.1 src "+source)
	n.prober = &probe.Prober{Token: wireToken}
}

// evidence is what the server knows about the attempts of the results, which were made after the mark.
func (n *network) evidence(mark uint64, results []probe.Result) probe.Evidence {
	n.t.Helper()
	question := probe.EvidenceQuestion{After: mark}
	for _, r := range results {
		question.Nonces = append(question.Nonces, r.Nonce)
		question.Ports = append(question.Ports, r.Ports...)
	}
	var evidence probe.Evidence
	var err error
	n.In(wirebed.Server, func() {
		w := probe.Witness{Arrivals: n.arrivals, ProcNet: "/proc/thread-self/net"}
		evidence, err = w.Evidence(question)
	})
	if err != nil {
		n.t.Fatal(err)
	}
	return evidence
}

var bothFamilies = []probe.Family{probe.IPv4, probe.IPv6}

func serverAddress(family probe.Family) netip.Addr {
	if family == probe.IPv6 {
		return wirebed.Server6
	}
	return wirebed.Server4
}

// view says what the outcome is judged from.
type view int

const (
	fromHere   view = iota // the prober's own observation
	joined                 // with the pod's log and socket table
	quietRound             // with the pod's counters too, before and after each attempt
	quietBatch             // with the pod's counters before and after all attempts
)

// cell is one attempt under a condition, and what it has to find.
type cell struct {
	protocol probe.Protocol
	family   probe.Family // both if empty
	// to says more about the attempt, for the table of outcomes.
	to    string
	tweak func(*probe.Attempt)
	view  view
	// want is compared without its reason and error probability.
	want probe.Reading
	// or is just as true.
	or probe.Reading
	// maybe allows an inconclusive result, whatever it guesses.
	maybe bool
}

// condition is something that can happen to packets.
type condition struct {
	name  string
	apply func(*network)
	// meanwhile happens while attempts hold their connections.
	meanwhile func(*network)
	// atOnce is how many attempts are made at once; zero means wholeBatch.
	atOnce int
	// limited says that a host answers only that many of one source, whatever the bed asks for.
	limited bool
	cells   []cell
}

// wholeBatch bounds the attempts that are made at once, and so what they ask of the witness.
const wholeBatch = 160

func TestConditions(t *testing.T) {
	t.Parallel()
	table := &outcomeTable{}
	t.Run("all", func(t *testing.T) {
		for _, c := range conditions {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				n := newNetwork(t)
				if c.apply != nil {
					c.apply(n)
				}
				for i, batch := range c.batches() {
					if c.limited {
						n.useSource(i)
					}
					for _, j := range n.judge(batch, c.meanwhile) {
						j.check(t)
						table.add(c, j)
					}
				}
			})
		}
	})
	if t.Failed() || len(table.conditions()) < len(conditions) {
		return // not all of them were to run
	}
	table.compare(t)
}

// batches splits the cells into what can be asked at once and what must be asked alone.
func (c condition) batches() [][]knock {
	var together []knock
	var batches [][]knock
	for _, cell := range c.cells {
		families := bothFamilies
		if cell.family != "" {
			families = []probe.Family{cell.family}
		}
		var knocks []knock
		for _, family := range families {
			for range *repeat {
				knocks = append(knocks, cell.knock(family))
			}
		}
		switch cell.view {
		case quietBatch:
			batches = append(batches, knocks)
		case quietRound:
			for _, k := range knocks {
				batches = append(batches, []knock{k})
			}
		default:
			together = append(together, knocks...)
		}
	}
	size := cmp.Or(c.atOnce, wholeBatch)
	if c.meanwhile != nil {
		size = max(1, len(together)) // because it happens once
	}
	return append(batches, slices.Collect(slices.Chunk(together, size))...)
}

// knock is one attempt of a cell.
type knock struct {
	cell
	family  probe.Family
	attempt probe.Attempt
}

func (c cell) knock(family probe.Family) knock {
	a := probe.Attempt{Protocol: c.protocol, Host: serverAddress(family).String(), Port: testedPort, UID: serverIdentity.UID}
	if c.tweak != nil {
		c.tweak(&a)
	}
	return knock{c, family, a}
}

// judgement is what an attempt found.
type judgement struct {
	knock
	result      probe.Result
	destination *probe.Destination
	reading     probe.Reading
}

// judge makes the attempts and reads their results together with the evidence that each cell asks for.
func (n *network) judge(knocks []knock, meanwhile func(*network)) []judgement {
	n.t.Helper()
	var attempts []probe.Attempt
	for _, k := range knocks {
		attempts = append(attempts, k.attempt)
	}
	before := n.evidence(0, nil).Counters
	knocked := make(chan []probe.Result, 1)
	mark := n.arrivals.Mark()
	go func() { knocked <- n.knock(attempts...) }()
	if meanwhile != nil {
		NewWithT(n.t).Eventually(n.heardSince(mark), "3s", "10ms").Should(HaveLen(len(attempts)), "every attempt is answered before the change")
		meanwhile(n)
	}
	results := <-knocked
	var witnessed []probe.Result
	for i, k := range knocks {
		if k.view != fromHere {
			witnessed = append(witnessed, results[i])
		}
	}
	evidence := n.evidence(mark, witnessed)

	judgements := make([]judgement, len(knocks))
	for i, k := range knocks {
		r := results[i]
		j := judgement{knock: k, result: r, reading: r.Reading}
		if k.view != fromHere {
			d := evidence.Destination(attempts[i], r.Observation, 0)
			if k.view != joined {
				d = d.InQuietRound(k.protocol, before, evidence.Counters)
				d.OutRsts, d.NoPorts, d.ListenDrops, d.InPackets = d.OutRsts/len(knocks), d.NoPorts/len(knocks), d.ListenDrops/len(knocks), d.InPackets/len(knocks)
			}
			j.destination, j.reading = &d, probe.Classify(attempts[i], r.Observation, &d)
		}
		judgements[i] = j
	}
	return judgements
}

// heardSince returns the nonces of the attempts that the server has heard since the mark.
func (n *network) heardSince(mark uint64) func() map[probe.Nonce]bool {
	return func() map[probe.Nonce]bool {
		nonces := map[probe.Nonce]bool{}
		arrivals, _ := n.arrivals.Find(mark, 1<<14, func(a probe.Arrival) bool { return a.Speech == probe.SpeechHello })
		for _, a := range arrivals {
			nonces[a.Nonce] = true
		}
		return nonces
	}
}

func (j judgement) check(t *testing.T) {
	t.Helper()
	if j.maybe && j.reading.Inconclusive {
		return
	}
	got := probe.Reading{Outcome: j.reading.Outcome, Where: j.reading.Where, Origin: j.reading.Origin, Inconclusive: j.reading.Inconclusive}
	NewWithT(t).Expect(got).To(BeElementOf(j.want, cmp.Or(j.or, j.want)), "%s over %s %s\nreason: %s\nobserved: %+v\nICMP: %+v\ndestination: %+v",
		j.protocol, j.family, j.to, j.reading.Reason, j.result.Observation, j.result.ICMP, j.destination)
}
