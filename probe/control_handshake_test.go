package probe

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestControlHandshake(t *testing.T) {
	for _, tc := range []struct {
		name          string
		agent, runner Token
		want          string
	}{
		{"a runner without token", testToken, "", "agent refuses (unauthorized): the runner does not prove"},
		{"a runner of another run", testToken, "another run's secret", "agent refuses (unauthorized): the runner does not prove"},
		{"an agent without token", "", testToken, "agent refuses (unauthorized): it does not prove"},
		{"both of one run", testToken, testToken, ""},
		{"both without token", "", "", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			dial := controlled(t, ControlOptions{Token: tc.agent, Prober: &fakeProber{}, Agent: Agent{
				Version: "v1", Identity: testIdentity, Listening: []Port{{8080, TCP}}, Unsupported: []Port{{9090, SCTP}},
			}})
			client, err := OpenControl(t.Context(), dial(), tc.runner)
			if tc.want != "" {
				g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			defer client.Close()
			agent := client.Agent()
			g.Expect(agent.Instance).NotTo(BeEmpty())
			agent.Instance = ""
			g.Expect(agent).To(Equal(Agent{
				Version: "v1", Identity: testIdentity, Listening: []Port{{8080, TCP}}, Unsupported: []Port{{9090, SCTP}},
				Heartbeat: DefaultHeartbeat, Capacity: DefaultCapacity,
			}))
		})
	}
}

func TestControlTokenIsNeverSent(t *testing.T) {
	g := NewWithT(t)
	dial := controlled(t, ControlOptions{Token: testToken, Prober: &fakeProber{}})
	conn := dial()
	var sent strings.Builder
	client, err := OpenControl(t.Context(), struct {
		io.Reader
		io.Writer
		io.Closer
	}{io.TeeReader(conn, &sent), io.MultiWriter(&sent, conn), conn}, testToken)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(client.Close()).To(Succeed())
	g.Expect(sent.String()).To(ContainSubstring(`"type":"welcome"`))
	g.Expect(sent.String()).NotTo(ContainSubstring(string(testToken)))
}

// scripted plays the agent: it sends the lines and keeps the stream open.
func scripted(t *testing.T, lines ...string) net.Conn {
	agent, runner := net.Pipe()
	t.Cleanup(func() { agent.Close() })
	go func() {
		for _, line := range lines {
			if _, err := io.WriteString(agent, line+"\n"); err != nil {
				return
			}
			if strings.Contains(line, "greeting") {
				bufio.NewReader(agent).ReadString('\n')
			}
		}
		io.Copy(io.Discard, agent)
	}()
	return runner
}

const (
	scriptGreeting = `{"type":"greeting","version":1,"challenge":"c"}`
	scriptWelcome  = `{"type":"welcome","agent":{"instance":"i","heartbeatNs":50000000,"capacity":10}}`
)

func TestOpenControlSaysWhoIsNoAgent(t *testing.T) {
	for _, tc := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"another server", []string{"220 mail.example ESMTP"}, "control stream lost: the other side does not speak the control protocol"},
		{"a line without end", []string{strings.Repeat("x", MaxControlLine+1)}, "control stream lost: line too long"},
		{"a later version", []string{`{"type":"greeting","version":2}`}, "it speaks version 2 of the control protocol, this program 1"},
		{"no greeting", []string{`{"type":"welcome"}`}, `frame "welcome" where a greeting was expected`},
		{"a welcome without introduction", []string{scriptGreeting, `{"type":"welcome"}`}, "does not introduce the agent"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			_, err := OpenControl(t.Context(), scripted(t, tc.lines...), "")
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
		})
	}
	t.Run("a side that says nothing", func(t *testing.T) {
		g := NewWithT(t)
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		defer cancel()
		_, err := OpenControl(ctx, scripted(t), "")
		g.Expect(err).To(And(MatchError(ErrStreamLost), MatchError(context.DeadlineExceeded)))
	})
}

func TestControlClientNeverBelievesABrokenCollection(t *testing.T) {
	const accepted = `{"type":"accepted","id":1}`
	result := func(sequence, index int) string {
		return fmt.Sprintf(`{"type":"result","id":2,"sequence":%d,"index":%d,"result":{"outcome":"connected"}}`, sequence, index)
	}
	for _, tc := range []struct {
		name  string
		lines []string
		want  string
	}{
		{"the trailer counts more than came", []string{result(1, 0), `{"type":"trailer","id":2,"count":2}`}, "has 2 attempts, the agent counts 2 results, and 1 came"},
		{"the trailer counts fewer than were asked", []string{result(1, 0), `{"type":"trailer","id":2,"count":1}`}, "has 2 attempts, the agent counts 1 results, and 1 came"},
		{"a result is missing in between", []string{result(1, 0), result(3, 1)}, "it does not follow result 1"},
		{"a result of no attempt", []string{result(1, 2)}, "index 2 of 2"},
		{"a result that is none", []string{`{"type":"result","id":2,"sequence":1,"result":7}`}, "result 1 of part"},
		{"an answer of another kind", []string{`{"type":"counters","id":2}`}, `agent answers a collection with "counters"`},
		{"a line that is no frame", []string{result(1, 0), "~~~"}, "control stream lost: parse frame"},
		{"an error that concerns the stream", []string{`{"type":"error","code":"malformed","message":"what?"}`}, "control stream lost: agent refuses (malformed): what?"},
		{"silence", []string{result(1, 0)}, "control stream lost: the agent was silent for 200ms"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			agent, runner := net.Pipe()
			defer agent.Close()
			go func() {
				lines := bufio.NewScanner(agent)
				say := func(text string) { io.WriteString(agent, text+"\n") }
				say(scriptGreeting)
				for lines.Scan() {
					var f frame
					json.Unmarshal(lines.Bytes(), &f)
					switch f.Type {
					case frameHello:
						say(scriptWelcome)
					case frameRun:
						say(accepted)
					case frameCollect:
						go func() {
							for _, line := range tc.lines {
								say(line)
							}
						}()
					}
				}
			}()
			client := opened(t, runner, "")
			err := client.Run(t.Context(), batchOf(t, 2), func(int, Result) {})
			g.Expect(err).To(MatchError(ContainSubstring(tc.want)))
		})
	}
}

// spoken opens a raw stream, past the handshake.
func spoken(t *testing.T, dial func() net.Conn) (say func(string), hear func() (frame, error)) {
	t.Helper()
	conn := dial()
	t.Cleanup(func() { conn.Close() })
	reader := bufio.NewReader(conn)
	say = func(line string) { io.WriteString(conn, line+"\n") }
	hear = func() (frame, error) {
		line, err := reader.ReadBytes('\n')
		if err != nil {
			return frame{}, err
		}
		return parseFrame(line)
	}
	g := NewWithT(t)
	f, err := hear()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Type).To(Equal(frameGreeting))
	say(`{"type":"hello","version":1,"challenge":"c"}`)
	f, err = hear()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.Type).To(Equal(frameWelcome))
	return say, hear
}

func TestControlServerAnswersNonsenseWithAnError(t *testing.T) {
	dial := controlled(t, ControlOptions{Prober: &fakeProber{}, Streams: 100})
	run := func(count int) string {
		text, err := json.Marshal(frame{Type: frameRun, ID: 7, Batch: "b", Attempts: make([]Attempt, count)})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, tc := range []struct {
		name, line string
		id         uint64
		code       ControlCode
	}{
		{"no JSON", "knock knock", 0, CodeMalformed},
		{"an empty line", "", 0, CodeMalformed},
		{"JSON of another shape", `[1,2]`, 0, CodeMalformed},
		{"a field of another type", `{"type":"run","id":7,"attempts":"all"}`, 0, CodeMalformed},
		{"no type", `{"id":7}`, 0, CodeMalformed},
		{"an unknown type", `{"type":"dance","id":7}`, 7, CodeMalformed},
		{"an answer in place of a request", `{"type":"trailer","id":7}`, 7, CodeMalformed},
		{"a second hello", `{"type":"hello","id":7,"version":1}`, 7, CodeMalformed},
		{"a batch without name", `{"type":"run","id":7,"attempts":[{}]}`, 7, CodeMalformed},
		{"a batch with a name that is too long", `{"type":"run","id":7,"batch":"` + strings.Repeat("b", 65) + `","attempts":[{}]}`, 7, CodeMalformed},
		{"a batch without attempts", `{"type":"run","id":7,"batch":"b"}`, 7, CodeMalformed},
		{"a batch with too many attempts", run(MaxRunAttempts + 1), 7, CodeTooLarge},
		{"a collection of an unknown batch", `{"type":"collect","id":7,"batch":"b"}`, 7, CodeUnknownBatch},
		{"an unknown batch to forget", `{"type":"forget","id":7,"batch":"b"}`, 7, CodeUnknownBatch},
		{"an unknown batch to cancel", `{"type":"cancel","id":7,"batch":"b"}`, 7, CodeUnknownBatch},
		{"a request for evidence without question", `{"type":"evidence","id":7}`, 7, CodeMalformed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			say, hear := spoken(t, dial)
			say(tc.line)
			f, err := hear()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(f.Type).To(Equal(frameError))
			g.Expect(f.Code).To(Equal(tc.code))
			g.Expect(f.ID).To(Equal(tc.id))
			g.Expect(f.Message).NotTo(BeEmpty())

			say(`{"type":"counters","id":8}`)
			f, err = hear()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(f.Type).To(Equal(frameCounters), "the stream goes on")
		})
	}

	t.Run("a line that is too long ends the stream", func(t *testing.T) {
		g := NewWithT(t)
		say, hear := spoken(t, dial)
		say(strings.Repeat(" ", MaxControlLine+1))
		f, err := hear()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(f.Code).To(Equal(CodeTooLarge))
		_, err = hear()
		g.Expect(err).To(HaveOccurred())
	})
	t.Run("the same name for another batch", func(t *testing.T) {
		g := NewWithT(t)
		say, hear := spoken(t, dial)
		for _, want := range []frameType{frameAccepted, frameAccepted} {
			say(`{"type":"run","id":7,"batch":"same","attempts":[{},{}]}`)
			f, err := hear()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(f.Type).To(Equal(want))
		}
		say(`{"type":"run","id":7,"batch":"same","attempts":[{}]}`)
		f, err := hear()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(f.Code).To(Equal(CodeMalformed))
		say(`{"type":"collect","id":9,"batch":"same","after":3}`)
		f, err = hear()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(f.Code).To(Equal(CodeUnknownBatch), "a result that never was cannot be had")
	})
}

func TestControlServerRefusesStrangers(t *testing.T) {
	dial := controlled(t, ControlOptions{Token: testToken, Prober: &fakeProber{}})
	for _, tc := range []struct {
		name, line string
		code       ControlCode
	}{
		{"no JSON", "GET / HTTP/1.1", CodeMalformed},
		{"a request before the hello", `{"type":"counters","id":1}`, CodeMalformed},
		{"another version", `{"type":"hello","version":2}`, CodeVersion},
		{"a proof that is none", `{"type":"hello","version":1,"proof":"00"}`, CodeUnauthorized},
		{"more than a hello needs", strings.Repeat(" ", maxHandshakeLine+1), CodeTooLarge},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			conn := dial()
			reader := bufio.NewReader(conn)
			_, err := reader.ReadString('\n')
			g.Expect(err).NotTo(HaveOccurred())
			_, err = io.WriteString(conn, tc.line+"\n")
			g.Expect(err).NotTo(HaveOccurred())
			line, err := reader.ReadBytes('\n')
			g.Expect(err).NotTo(HaveOccurred())
			f, err := parseFrame(line)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(f.Code).To(Equal(tc.code))
			_, err = reader.ReadByte()
			g.Expect(err).To(HaveOccurred(), "the stream is closed")
		})
	}
}

func TestControlServerBoundsItsStreams(t *testing.T) {
	g := NewWithT(t)
	dial := controlled(t, ControlOptions{Prober: &fakeProber{}, Streams: 1})
	first := opened(t, dial(), "")
	_, err := OpenControl(t.Context(), dial(), "")
	g.Expect(err).To(MatchError(ContainSubstring("agent refuses (busy): 1 streams are open already: close one first")))
	g.Expect(first.Close()).To(Succeed())
	g.Eventually(func() error {
		client, err := OpenControl(t.Context(), dial(), "")
		if err == nil {
			err = client.Close()
		}
		return err
	}, controlPatience).Should(Succeed(), "the place of a stream that was closed is free again")
}

func TestControlServerGivesUpARunnerWhoIsSilent(t *testing.T) {
	g := NewWithT(t)
	dial := controlled(t, ControlOptions{Prober: &fakeProber{}, Agent: Agent{Heartbeat: 20 * time.Millisecond}})
	_, hear := spoken(t, dial)
	for {
		f, err := hear()
		if err != nil {
			g.Expect(errors.Is(err, io.EOF)).To(BeTrue(), "%v", err)
			return
		}
		g.Expect(f.Type).To(Equal(frameHeartbeat))
	}
}

func TestControlHeartbeatsKeepAStreamAlive(t *testing.T) {
	g := NewWithT(t)
	prober := &fakeProber{gate: make(chan struct{}, 1)}
	dial := controlled(t, ControlOptions{Prober: prober, Agent: Agent{Heartbeat: 100 * time.Millisecond}})
	client := opened(t, dial(), "")
	// Far longer than silence would be borne.
	time.AfterFunc(2*time.Second, func() { prober.gate <- struct{}{} })
	g.Expect(client.Run(t.Context(), batchOf(t, 1), func(int, Result) {})).To(Succeed())
}

func FuzzControlServer(f *testing.F) {
	f.Add([]byte(`{"type":"hello","version":1}` + "\n" + `{"type":"run","id":1,"batch":"b","attempts":[{"host":"x"}]}` + "\n" + `{"type":"collect","id":2,"batch":"b"}` + "\n"))
	f.Add([]byte(`{"type":"hello","version":1}` + "\n" + `{"type":"evidence","id":1,"question":{"nonces":["0011223344556677"],"ports":[1]}}` + "\n" + `{"type":"cancel"}` + "\n"))
	f.Add([]byte(`{"type":"hello","version":1}` + "\n" + `{"type":"forget","batch":"b","after":-9}` + "\n" + `{"type":"leave","of":3}` + "\n[]\n"))
	f.Add([]byte("knock knock\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		server := NewControlServer(ControlOptions{Prober: &fakeProber{}, Witness: &Witness{Arrivals: &ArrivalLog{}, ProcNet: procNetFixture}})
		ctx, cancel := context.WithCancel(context.Background())
		defer server.Wait()
		defer cancel()
		agent, runner := net.Pipe()
		go func() {
			runner.Write(input)
			runner.Close()
		}()
		go io.Copy(io.Discard, runner)
		server.ServeStream(ctx, agent)
	})
}

func FuzzControlClient(f *testing.F) {
	f.Add([]byte(scriptGreeting + "\n" + scriptWelcome + "\n" + `{"type":"accepted","id":1}` + "\n" + `{"type":"result","id":2,"sequence":1,"result":{}}` + "\n" + `{"type":"trailer","id":2,"count":1}` + "\n"))
	f.Add([]byte(scriptGreeting + "\n" + scriptWelcome + "\n" + `{"type":"error","id":1,"code":"busy"}` + "\n"))
	f.Add([]byte(`{"type":"error","code":"busy"}` + "\n"))
	f.Fuzz(func(t *testing.T, input []byte) {
		agent, runner := net.Pipe()
		go func() {
			agent.Write(input)
			agent.Close()
		}()
		go io.Copy(io.Discard, agent)
		client, err := OpenControl(t.Context(), runner, "")
		if err != nil {
			return
		}
		defer client.Close()
		batch, err := NewBatch([]Attempt{{Host: "x"}})
		if err != nil {
			t.Fatal(err)
		}
		delivered := 0
		err = client.Run(t.Context(), batch, func(int, Result) { delivered++ })
		if (err == nil) != batch.Finished() || err == nil && delivered != 1 {
			t.Fatalf("error %v, finished %v, %d results of one attempt", err, batch.Finished(), delivered)
		}
	})
}
