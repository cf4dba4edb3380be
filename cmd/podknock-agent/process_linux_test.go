package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

const processToken = "of this run"

// built compiles the agent once, as the image does.
var built = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "podknock-agent-test-")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "podknock-agent")
	build := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("build the agent: %w: %s", err, output)
	}
	return path, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if path, err := built(); err == nil {
		os.RemoveAll(filepath.Dir(path))
	}
	os.Exit(code)
}

// process is a running agent.
type process struct {
	*exec.Cmd
	ports   []string // TCP, UDP and control
	started time.Time
}

// nextPort counts up through ports that the kernel gives to nobody by itself (ip_local_port_range begins at 32,768).
var nextPort = 20000 + os.Getpid()%1000*10

// freePort returns a port that nobody uses.
func freePort(t testing.TB) string {
	t.Helper()
	for ; nextPort < 32768; nextPort++ {
		address := "127.0.0.1:" + strconv.Itoa(nextPort)
		stream, err := net.Listen("tcp", address)
		if err != nil {
			continue
		}
		stream.Close()
		datagram, err := net.ListenPacket("udp", address)
		if err != nil {
			continue
		}
		datagram.Close()
		nextPort++
		return strconv.Itoa(nextPort - 1)
	}
	t.Fatal("no port is free")
	return ""
}

// startAgent starts the agent and returns when it answers.
func startAgent(t testing.TB) *process {
	t.Helper()
	g := NewWithT(t)
	path, err := built()
	g.Expect(err).NotTo(HaveOccurred())
	p := &process{ports: []string{freePort(t), freePort(t), freePort(t)}}
	p.Cmd = exec.Command(path, "serve", "-results", "-control", "127.0.0.1:"+p.ports[2],
		"-listen", p.ports[0]+"/TCP,"+p.ports[1]+"/UDP,"+p.ports[1]+"/SCTP")
	p.Env = append(os.Environ(), tokenVariable+"="+processToken, "POD_NAME=payroll", "POD_NAMESPACE=app", "POD_UID=uid-1", "NODE_NAME=node-1")
	p.started = time.Now()
	g.Expect(p.Start()).To(Succeed())
	t.Cleanup(func() {
		if p.ProcessState == nil {
			p.Process.Kill()
			p.Wait()
		}
	})
	for {
		conn, err := net.Dial("tcp", "127.0.0.1:"+p.ports[2]) // which is opened last
		if err == nil {
			conn.Close()
			return p
		}
		g.Expect(time.Since(p.started)).To(BeNumerically("<", 20*time.Second), "the agent does not listen: %v", err)
	}
}

// residentKiB reads the resident memory of the process.
func (p *process) residentKiB(t testing.TB) int {
	t.Helper()
	g := NewWithT(t)
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.Process.Pid))
	g.Expect(err).NotTo(HaveOccurred())
	_, rest, found := strings.Cut(string(text), "VmRSS:")
	g.Expect(found).To(BeTrue())
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	g.Expect(err).NotTo(HaveOccurred())
	return kib
}

func (p *process) dialControl(t testing.TB) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", "127.0.0.1:"+p.ports[2])
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return conn
}

// makesAttempts lets the agent knock on its own ports over a control stream.
func makesAttempts(t *testing.T, stream io.ReadWriteCloser, p *process, evidence bool) {
	t.Helper()
	g := NewWithT(t)
	client, err := probe.OpenControl(t.Context(), stream, processToken)
	g.Expect(err).NotTo(HaveOccurred())
	defer client.Close()
	tcp, _ := strconv.Atoi(p.ports[0])
	udp, _ := strconv.Atoi(p.ports[1])
	attempts := []probe.Attempt{
		{ID: "a", Protocol: probe.TCP, Host: "127.0.0.1", Port: uint16(tcp), UID: "uid-1"},
		{ID: "b", Protocol: probe.UDP, Host: "127.0.0.1", Port: uint16(udp), UID: "uid-1"},
		{ID: "c", Protocol: probe.TCP, Host: "127.0.0.1", Port: 1},
	}
	batch, err := probe.NewBatch(attempts)
	g.Expect(err).NotTo(HaveOccurred())
	results := make([]probe.Result, len(attempts))
	g.Expect(client.Run(t.Context(), batch, func(i int, r probe.Result) { results[i] = r })).To(Succeed())
	for i, want := range []probe.Outcome{probe.Connected, probe.Connected, probe.Refused} {
		g.Expect(results[i].Outcome).To(Equal(want), "%+v", results[i])
	}
	if !evidence {
		return
	}
	e, err := client.Evidence(t.Context(), probe.EvidenceQuestion{Nonces: []probe.Nonce{results[0].Nonce, results[1].Nonce}})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(e.Destination(attempts[0], results[0].Observation, 0)).To(Equal(probe.Destination{Arrived: probe.Yes, SYNReceived: probe.No, Listening: probe.Yes}))
	g.Expect(e.Destination(attempts[1], results[1].Observation, 0)).To(Equal(probe.Destination{Arrived: probe.Yes, Listening: probe.Yes}))
	g.Expect(e.Destination(attempts[2], results[2].Observation, 0)).To(Equal(probe.Destination{Arrived: probe.No, SYNReceived: probe.No, Listening: probe.No}))
}

func TestAgentIsControlledOverItsPort(t *testing.T) {
	p := startAgent(t)
	makesAttempts(t, p.dialControl(t), p, true)
}

func TestAgentNeedsTheToken(t *testing.T) {
	g := NewWithT(t)
	p := startAgent(t)
	_, err := probe.OpenControl(t.Context(), p.dialControl(t), "another run's secret")
	g.Expect(err).To(MatchError(ContainSubstring("unauthorized")))
}

// pipes are the standard streams of a child as one stream.
type pipes struct {
	io.Reader
	io.WriteCloser
}

func TestAgentIsControlledOverStandardStreams(t *testing.T) {
	p := startAgent(t)
	for _, tc := range []struct {
		name     string
		args     []string
		evidence bool
	}{
		{"on its own", nil, false},
		{"passed on to the agent that serves", []string{"-relay", "127.0.0.1:" + p.ports[2]}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			child := exec.CommandContext(ctx, p.Path, append([]string{"stdio"}, tc.args...)...)
			child.Env = append(os.Environ(), tokenVariable+"="+processToken)
			in, err := child.StdinPipe()
			g.Expect(err).NotTo(HaveOccurred())
			out, err := child.StdoutPipe()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(child.Start()).To(Succeed())
			makesAttempts(t, pipes{out, in}, p, tc.evidence)
			g.Expect(child.Wait()).To(Succeed(), "it ends with its standard input")
		})
	}
}

func TestAgentEndsOnSIGTERM(t *testing.T) {
	g := NewWithT(t)
	path, err := built()
	g.Expect(err).NotTo(HaveOccurred())

	t.Run("while it serves connections and makes attempts", func(t *testing.T) {
		g := NewWithT(t)
		p := startAgent(t)
		for range 3 { // who say nothing
			conn, err := net.Dial("tcp", "127.0.0.1:"+p.ports[0])
			g.Expect(err).NotTo(HaveOccurred())
			defer conn.Close()
		}
		client, err := probe.OpenControl(t.Context(), p.dialControl(t), processToken)
		g.Expect(err).NotTo(HaveOccurred())
		defer client.Close()
		// A listener that never accepts: the attempt waits for an answer.
		silent, err := net.Listen("tcp", "127.0.0.1:0")
		g.Expect(err).NotTo(HaveOccurred())
		defer silent.Close()
		batch, err := probe.NewBatch([]probe.Attempt{{
			Protocol: probe.TCP, Host: "127.0.0.1", Port: uint16(silent.Addr().(*net.TCPAddr).Port), Timing: probe.Timing{Timeout: 30 * time.Second},
		}})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(client.Start(t.Context(), batch)).To(Succeed())

		begin := time.Now()
		g.Expect(p.Process.Signal(syscall.SIGTERM)).To(Succeed())
		g.Expect(p.Wait()).To(Succeed())
		g.Expect(time.Since(begin)).To(BeNumerically("<", 5*time.Second), "a fifth of it is the promise")
	})
	t.Run("while it reads standard input", func(t *testing.T) {
		g := NewWithT(t)
		child := exec.Command(path, "stdio")
		in, err := child.StdinPipe()
		g.Expect(err).NotTo(HaveOccurred())
		defer in.Close()
		out, err := child.StdoutPipe()
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(child.Start()).To(Succeed())
		_, err = bufio.NewReader(out).ReadString('\n') // the greeting: it runs
		g.Expect(err).NotTo(HaveOccurred())
		begin := time.Now()
		g.Expect(child.Process.Signal(syscall.SIGTERM)).To(Succeed())
		g.Expect(child.Wait()).To(Succeed())
		g.Expect(time.Since(begin)).To(BeNumerically("<", 5*time.Second), "a fifth of it is the promise")
	})
}

func TestAgentIsSmall(t *testing.T) {
	g := NewWithT(t)
	p := startAgent(t)
	g.Expect(p.residentKiB(t)).To(BeNumerically("<=", 12<<10))
}

func BenchmarkAgentStart(b *testing.B) {
	var starting time.Duration
	resident := 0
	for range b.N {
		p := startAgent(b)
		starting += time.Since(p.started)
		resident = max(resident, p.residentKiB(b))
		p.Process.Kill()
		p.Wait()
	}
	b.ReportMetric(float64(starting.Milliseconds())/float64(b.N), "ms/start-to-listening")
	b.ReportMetric(float64(resident)/1024, "MiB-resident")
}
