package probe

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// controlPatience is how long a test waits for what takes milliseconds.
const controlPatience = 20 * time.Second

// fakeProber answers every attempt with Connected. With a gate, each result waits for one token of it; when the context
// ends, what is left becomes Error.
type fakeProber struct {
	gate chan struct{}

	mu   sync.Mutex
	made []Attempt
}

func (p *fakeProber) Run(ctx context.Context, attempts []Attempt, deliver func(Result)) {
	p.mu.Lock()
	p.made = append(p.made, attempts...)
	p.mu.Unlock()
	for _, a := range attempts {
		outcome := Connected
		if p.gate != nil {
			select {
			case <-p.gate:
			case <-ctx.Done():
				outcome = Error
			}
		}
		deliver(Result{ID: a.ID, Reading: Reading{Outcome: outcome, Reason: "of " + a.Host}})
	}
}

// Held and Release are those of a prober whose results each wait for a release.
func (p *fakeProber) Held() int { return p.count() }

func (p *fakeProber) Release() {
	for range p.count() {
		p.gate <- struct{}{}
	}
}

func (p *fakeProber) count() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.made)
}

// controlled runs an agent until the test ends and returns how to open a stream to it.
func controlled(t *testing.T, options ControlOptions) (dial func() net.Conn) {
	t.Helper()
	g := NewWithT(t)
	if options.Witness == nil {
		options.Witness = &Witness{Arrivals: &ArrivalLog{}, ProcNet: procNetFixture}
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	g.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithCancel(context.Background())
	served := make(chan error, 1)
	go func() { served <- NewControlServer(options).Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-served:
			g.Expect(err).NotTo(HaveOccurred())
		case <-time.After(controlPatience):
			t.Error("the agent still serves after its context ended")
		}
	})
	return func() net.Conn {
		conn, err := net.Dial("tcp4", listener.Addr().String())
		g.Expect(err).NotTo(HaveOccurred())
		conn.SetDeadline(time.Now().Add(controlPatience))
		t.Cleanup(func() { conn.Close() })
		return conn
	}
}

func opened(t *testing.T, conn io.ReadWriteCloser, token Token) *ControlClient {
	t.Helper()
	client, err := OpenControl(t.Context(), conn, token)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	t.Cleanup(func() { client.Close() })
	return client
}

func batchOf(t *testing.T, count int) *Batch {
	t.Helper()
	attempts := make([]Attempt, count)
	for i := range attempts {
		attempts[i] = Attempt{ID: fmt.Sprintf("cell %d", i/2), Protocol: TCP, Host: fmt.Sprintf("10.0.%d.%d", i/256, i%256), Port: 80}
	}
	b, err := NewBatch(attempts)
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return b
}

// collector checks that each result comes once.
type collector struct {
	t    *testing.T
	seen map[int]Result
}

func (c *collector) deliver(index int, r Result) {
	if c.seen == nil {
		c.seen = make(map[int]Result)
	}
	if _, twice := c.seen[index]; twice {
		c.t.Errorf("result %d was delivered twice", index)
	}
	c.seen[index] = r
}

func TestControlRunDeliversEveryResult(t *testing.T) {
	for _, tc := range []struct {
		name     string
		attempts int
		parts    int
		capacity int
	}{
		{"a single attempt", 1, 1, 0},
		{"as many as one request carries", MaxRunAttempts, 1, 0},
		{"more than one request carries", MaxRunAttempts + 1, 2, 0},
		{"more than the agent takes at once", 3 * MaxRunAttempts, 3, MaxRunAttempts},
		{"none", 0, 0, 0},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			prober := &fakeProber{}
			dial := controlled(t, ControlOptions{Prober: prober, Agent: Agent{Capacity: tc.capacity}})
			client := opened(t, dial(), "")
			batch := batchOf(t, tc.attempts)
			g.Expect(batch.Parts).To(HaveLen(tc.parts))

			got := collector{t: t}
			g.Expect(client.Run(t.Context(), batch, got.deliver)).To(Succeed())
			g.Expect(got.seen).To(HaveLen(tc.attempts))
			for i, r := range got.seen {
				g.Expect(r.ID).To(Equal(fmt.Sprintf("cell %d", i/2)), "the caller's ID comes back")
				g.Expect(r.Reason).To(Equal("of " + batch.attempts[i].Host))
			}
			g.Expect(batch.Finished()).To(BeTrue())
			g.Expect(prober.count()).To(Equal(tc.attempts))
		})
	}
}

func TestControlResumesOnAnotherStream(t *testing.T) {
	g := NewWithT(t)
	prober := &fakeProber{gate: make(chan struct{}, 10)}
	dial := controlled(t, ControlOptions{Prober: prober})
	batch := batchOf(t, 10)
	got := collector{t: t}

	for range 4 {
		prober.gate <- struct{}{}
	}
	conn := dial()
	first := opened(t, conn, "")
	err := first.Run(t.Context(), batch, func(index int, r Result) {
		got.deliver(index, r)
		if len(got.seen) == 3 {
			conn.Close() // with the fourth on its way
		}
	})
	g.Expect(err).To(MatchError(ErrStreamLost), "a missing trailer is an error")
	g.Expect(batch.Finished()).To(BeFalse())

	// The runner itself may be restarted: it keeps the batch as JSON.
	text, err := json.Marshal(batch)
	g.Expect(err).NotTo(HaveOccurred())
	var kept Batch
	g.Expect(json.Unmarshal(text, &kept)).To(Succeed())
	for range 6 {
		prober.gate <- struct{}{}
	}
	second := opened(t, dial(), "")
	g.Expect(second.Run(t.Context(), &kept, got.deliver)).To(Succeed())
	g.Expect(got.seen).To(HaveLen(10))
	g.Expect(prober.count()).To(Equal(10), "no attempt is made twice")

	g.Eventually(func() error {
		return second.Collect(t.Context(), &Batch{Instance: kept.Instance, Parts: []BatchPart{{Name: kept.Parts[0].Name, Count: 10, Accepted: true}}}, got.deliver)
	}, controlPatience).Should(MatchError(ErrBatchLost), "what was delivered is forgotten")
}

func TestControlWorksDetached(t *testing.T) {
	g := NewWithT(t)
	prober := &fakeProber{}
	dial := controlled(t, ControlOptions{Prober: prober})
	batch := batchOf(t, 100)
	first := opened(t, dial(), "")
	g.Expect(first.Start(t.Context(), batch)).To(Succeed())
	g.Expect(first.Close()).To(Succeed())
	g.Eventually(prober.count, controlPatience).Should(Equal(100))

	got := collector{t: t}
	second := opened(t, dial(), "")
	g.Expect(second.Collect(t.Context(), batch, got.deliver)).To(Succeed())
	g.Expect(got.seen).To(HaveLen(100))
}

func TestControlStartIsAcceptedOnce(t *testing.T) {
	g := NewWithT(t)
	prober := &fakeProber{}
	dial := controlled(t, ControlOptions{Prober: prober})
	client := opened(t, dial(), "")
	batch := batchOf(t, 5)
	g.Expect(client.Start(t.Context(), batch)).To(Succeed())
	batch.Parts[0].Accepted = false // as if the stream had broken before the answer came
	got := collector{t: t}
	g.Expect(client.Run(t.Context(), batch, got.deliver)).To(Succeed())
	g.Expect(got.seen).To(HaveLen(5))
	g.Expect(prober.count()).To(Equal(5))
}

func TestControlCollectCanBeLeftAndTakenUp(t *testing.T) {
	g := NewWithT(t)
	prober := &fakeProber{gate: make(chan struct{}, 10)}
	dial := controlled(t, ControlOptions{Prober: prober})
	client := opened(t, dial(), "")
	batch, got := batchOf(t, 10), collector{t: t}
	ctx, cancel := context.WithCancel(t.Context())
	for range 4 {
		prober.gate <- struct{}{}
	}
	err := client.Run(ctx, batch, func(index int, r Result) {
		got.deliver(index, r)
		if len(got.seen) == 2 {
			cancel()
		}
	})
	g.Expect(err).To(MatchError(context.Canceled))
	for range 6 {
		prober.gate <- struct{}{}
	}
	g.Expect(client.Run(t.Context(), batch, got.deliver)).To(Succeed())
	g.Expect(got.seen).To(HaveLen(10))
}

func TestControlCancel(t *testing.T) {
	for _, tc := range []struct {
		name string
		all  bool
	}{{"one batch", false}, {"everything", true}} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			dial := controlled(t, ControlOptions{Prober: &fakeProber{gate: make(chan struct{})}})
			client := opened(t, dial(), "")
			batch, got := batchOf(t, 3), collector{t: t}
			g.Expect(client.Start(t.Context(), batch)).To(Succeed())
			canceled := batch
			if tc.all {
				canceled = nil
			}
			g.Expect(client.Cancel(t.Context(), canceled)).To(Succeed())
			g.Expect(client.Collect(t.Context(), batch, got.deliver)).To(Succeed())
			g.Expect(got.seen).To(HaveLen(3))
			for _, r := range got.seen {
				g.Expect(r.Outcome).To(Equal(Error), "what was not asked is no evidence")
			}
		})
	}
}

func TestControlRefusals(t *testing.T) {
	t.Run("an agent that was restarted has lost the batch", func(t *testing.T) {
		g := NewWithT(t)
		batch := batchOf(t, 3)
		g.Expect(opened(t, controlled(t, ControlOptions{Prober: &fakeProber{}})(), "").Start(t.Context(), batch)).To(Succeed())
		other := opened(t, controlled(t, ControlOptions{Prober: &fakeProber{}})(), "")
		err := other.Run(t.Context(), batch, func(int, Result) { t.Error("a result out of nothing") })
		g.Expect(err).To(MatchError(ErrBatchLost))
	})
	t.Run("an agent that is full refuses more", func(t *testing.T) {
		g := NewWithT(t)
		prober := &fakeProber{gate: make(chan struct{})}
		client := opened(t, controlled(t, ControlOptions{Prober: prober, Agent: Agent{Capacity: 10}})(), "")
		g.Expect(client.Start(t.Context(), batchOf(t, 8))).To(Succeed())
		err := client.Run(t.Context(), batchOf(t, 3), func(int, Result) { t.Error("a result out of nothing") })
		var refused *ControlError
		g.Expect(errors.As(err, &refused)).To(BeTrue(), "%v", err)
		g.Expect(refused.Code).To(Equal(CodeBusy))
		g.Expect(client.Cancel(t.Context(), nil)).To(Succeed())
		g.Eventually(func() error { return client.Start(t.Context(), batchOf(t, 3)) }, controlPatience).Should(Succeed())
	})
	t.Run("a batch that was never accepted cannot be sent without its attempts", func(t *testing.T) {
		g := NewWithT(t)
		client := opened(t, controlled(t, ControlOptions{Prober: &fakeProber{}})(), "")
		err := client.Start(t.Context(), &Batch{Parts: []BatchPart{{Name: "x", Count: 1}}})
		g.Expect(err).To(MatchError(ErrBatchLost))
	})
	t.Run("an attempt that fits no line is refused before it is sent", func(t *testing.T) {
		g := NewWithT(t)
		_, err := NewBatch([]Attempt{{Host: strings.Repeat("x", MaxControlLine)}})
		g.Expect(err).To(MatchError(HavePrefix("plan batch: attempt 0 takes ")))
	})
	t.Run("a question that is too large is refused", func(t *testing.T) {
		g := NewWithT(t)
		client := opened(t, controlled(t, ControlOptions{Prober: &fakeProber{}})(), "")
		_, err := client.Evidence(t.Context(), EvidenceQuestion{Ports: make([]uint16, MaxQuestion+1)})
		g.Expect(err).To(MatchError(ContainSubstring("agent refuses (too-large)")))
	})
	t.Run("tables that cannot be read are said to be unavailable", func(t *testing.T) {
		g := NewWithT(t)
		client := opened(t, controlled(t, ControlOptions{Prober: &fakeProber{}, Witness: &Witness{ProcNet: t.TempDir()}})(), "")
		_, err := client.Counters(t.Context())
		g.Expect(err).To(MatchError(ContainSubstring("agent refuses (unavailable)")))
	})
}

func TestControlEvidence(t *testing.T) {
	g := NewWithT(t)
	log := &ArrivalLog{}
	client := opened(t, controlled(t, ControlOptions{
		Prober: &fakeProber{}, Witness: &Witness{Arrivals: log, ProcNet: procNetFixture},
	})(), "")
	counters, err := client.Counters(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(counters.OutRsts).To(Equal(uint64(11)))

	nonce := NewNonce()
	log.add(Arrival{Protocol: TCP, Remote: testSource, Local: testSource, Nonce: nonce})
	evidence, err := client.Evidence(t.Context(), EvidenceQuestion{Nonces: []Nonce{nonce}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(evidence.Arrivals).To(HaveLen(1))
	g.Expect(evidence.Arrivals[0].Nonce).To(Equal(nonce))
	g.Expect(evidence.Mark).To(Equal(uint64(1)))
}

func TestEvidenceFitsALine(t *testing.T) {
	g := NewWithT(t)
	longest := netip.MustParseAddrPort("[2001:db81:1111:2222:3333:4444:5555:6666]:65535")
	e := Evidence{Time: time.Now().UTC(), OtherSYNs: make([]uint16, 1000)}
	for range maxEvidenceArrivals {
		e.Arrivals = append(e.Arrivals, Arrival{
			Number: 1 << 40, Time: time.Unix(1, 123456789).UTC(), Protocol: SCTP, Remote: longest, Local: longest, Speech: SpeechUnknown, Nonce: NewNonce(),
		})
	}
	for range maxEvidenceSockets {
		e.Sockets = append(e.Sockets, SocketRow{Protocol: TCP, State: SocketSYNReceived, Local: longest, Remote: longest})
	}
	line, err := json.Marshal(frame{Type: frameEvidence, ID: 1 << 60, Evidence: &e})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(len(line)).To(BeNumerically("<", MaxControlLine))
}

func TestControlLogsResults(t *testing.T) {
	g := NewWithT(t)
	var log bytes.Buffer
	client := opened(t, controlled(t, ControlOptions{Prober: &fakeProber{}, Results: &log})(), "")
	g.Expect(client.Run(t.Context(), batchOf(t, 3), func(int, Result) {})).To(Succeed())
	lines := strings.Split(strings.TrimSpace(log.String()), "\n")
	g.Expect(lines).To(HaveLen(3))
	var r Result
	g.Expect(json.Unmarshal([]byte(lines[2]), &r)).To(Succeed())
	g.Expect(r.ID).To(Equal("cell 1"))
}

func TestHeldConnectionsAreReleasedOnDemand(t *testing.T) {
	g := NewWithT(t)
	prober := &fakeProber{gate: make(chan struct{}, 2)}
	client := opened(t, controlled(t, ControlOptions{Prober: prober})(), "")
	batch, err := NewBatch([]Attempt{{Protocol: TCP, Host: "a"}, {Protocol: UDP, Host: "b"}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(client.Start(t.Context(), batch)).To(Succeed())
	g.Eventually(func() (int, error) { return client.Held(t.Context()) }).WithTimeout(controlPatience).Should(Equal(2))
	g.Expect(client.Release(t.Context())).To(Succeed())
	results := 0
	g.Expect(client.Collect(t.Context(), batch, func(int, Result) { results++ })).To(Succeed())
	g.Expect(results).To(Equal(2))
}
