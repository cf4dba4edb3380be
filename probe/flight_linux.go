package probe

import (
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// flight asks one address and port until the answer or the silence is certain: rounds of staggered sockets, all of
// which stay open until the end.
type flight struct {
	engine   *engine
	protocol Protocol // TCP, UDP or SCTP: what the socket speaks
	remote   netip.AddrPort
	timing   Timing
	loss     float64
	// exchange is what to say; nil is satisfied with a handshake.
	exchange exchange
	// hold keeps the answered socket for so long and asks once more; held says that this has begun.
	hold time.Duration
	held bool
	// second makes the question that is asked then, with a nonce of its own: answers to the first may still be under way.
	second func(*flight) error
	// minHops drops packets with a lower hop limit; zero takes all.
	minHops int
	// done is called once, when o is complete.
	done func(*flight)
	o    Observation

	timer timer
	stage stage
	over  bool
	conns []*conn
	// datagram is the socket of this round for UDP.
	datagram *conn

	due      int           // sockets that this round still has to open
	size     int           // sockets of this round
	stagger  time.Duration // between them
	opened   int           // sockets or datagrams of all rounds
	first    time.Time     // of the first packet
	started  time.Time     // of this round
	shortage time.Time     // since when the system has had no descriptor or port for us
	slot     *slot         // the turn to ask within a host's budget of ICMP errors; nil if it is not limited
}

// stage is what the flight's timer waits for.
type stage int

const (
	asking  stage = iota // the next socket of the round, or the end of the round
	resting              // the confirming round
	queued               // a host's budget of ICMP errors; the timer is the end of patience
	holding              // the second question on a held connection
)

const (
	confirmSockets = 2 // at least, because one may be lost
	shortageRetry  = 50 * time.Millisecond
	shortageLimit  = 30 * time.Second
)

// start begins the first round.
func (f *flight) start() {
	f.timer.owner = f
	f.round(f.timing.Sockets)
}

// round begins a round of n sockets.
func (f *flight) round(n int) {
	f.stage, f.due, f.size = asking, n, n
	if !f.held {
		f.datagram = nil
	}
	f.stagger = min(f.timing.Stagger, f.timing.Timeout/time.Duration(2*n))
	f.started = f.engine.now
	f.o.Rounds++
	f.engine.starved = append(f.engine.starved, f)
}

func (f *flight) wake() {
	switch {
	case f.stage == asking && f.due > 0:
		f.engine.starved = append(f.engine.starved, f)
	case f.stage == asking:
		f.endRound()
	case f.stage == resting:
		f.nextRound()
	case f.stage == holding:
		f.askAgain()
	case f.stage == queued:
		f.o.ICMPLimited = true
		f.finish(nil)
	}
}

// open opens the next socket of the round, or sends the next datagram.
func (f *flight) open() {
	if f.over || f.stage != asking || f.due == 0 {
		return // an answer came while it waited for the pace
	}
	f.engine.now = time.Now()
	if err := f.ask(); err != nil {
		f.openFailed(err)
		return
	}
	if f.over {
		return
	}
	f.shortage = time.Time{}
	f.due--
	f.opened++
	wait := f.stagger
	if f.due == 0 {
		wait = f.timing.Timeout - time.Duration(f.size-1)*f.stagger
	}
	f.engine.set(&f.timer, f.engine.now.Add(wait))
}

func (f *flight) ask() error {
	if f.datagram != nil {
		f.datagram.sendDatagram()
		return nil
	}
	c, err := dial(f)
	if err != nil {
		return err
	}
	f.register(c)
	if f.protocol == UDP {
		f.datagram = c
		f.o.Phase = PhaseExchange
		c.sendDatagram()
	} else if f.o.Phase != PhaseExchange {
		f.o.Phase = PhaseConnect
	}
	return nil
}

func (f *flight) register(c *conn) {
	e := f.engine
	if f.first.IsZero() {
		f.first = c.opened
	}
	f.conns = append(f.conns, c)
	f.o.Ports = append(f.o.Ports, c.local.Port())
	e.generation++
	c.generation = e.generation
	e.conns[int32(c.fd)] = c
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLRDHUP | unix.EPOLLET, Fd: int32(c.fd), Pad: c.generation}
	if err := unix.EpollCtl(e.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
		f.o.Failure = "watch socket: " + err.Error()
		f.finish(c)
	}
}

// openFailed decides the flight, or has it wait if the system lacks something for the moment.
func (f *flight) openFailed(err error) {
	var failed *openError
	if !errors.As(err, &failed) {
		f.o.Failure = err.Error()
		f.finish(nil)
		return
	}
	switch failed.errno {
	case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM, unix.EADDRNOTAVAIL, unix.EAGAIN:
		if f.shortage.IsZero() {
			f.shortage = f.engine.now
		}
		if f.engine.now.Sub(f.shortage) < shortageLimit {
			f.engine.set(&f.timer, f.engine.now.Add(shortageRetry))
			return
		}
		f.o.Failure = failed.Error() + " for " + shortageLimit.String()
	default:
		f.o.Errno, f.o.Call = errnoName(failed.errno), failed.call
		if f.o.Phase != PhaseExchange {
			f.o.Phase = PhaseConnect
		}
	}
	f.finish(nil)
}

// endRound looks at sockets that stayed silent, and decides whether that is enough.
func (f *flight) endRound() {
	f.findSoftErrors()
	switch {
	case f.over:
	case f.held && f.protocol != UDP && f.o.Rounds == 1 && f.timing.Confirm > 0:
		f.o.Rounds++ // the kernel repeats the question by itself
		f.engine.set(&f.timer, f.first.Add(f.timing.Confirm+f.timing.Timeout))
	case f.slot != nil && f.slot.turns < len(slotTurns):
		f.engine.releaseSlot(f.slot)
		f.engine.queueForSlot(f, f.slot.host)
	case f.slot != nil:
		f.finish(nil)
	case f.held && f.protocol != UDP, f.timing.Confirm < 0:
		_, f.o.ICMPLimited = f.engine.prober.budget.limitedBy(f.remote.Addr().WithZone(""), f.started)
		f.finish(nil)
	case f.o.Rounds == 1:
		f.stage = resting
		f.engine.set(&f.timer, f.first.Add(f.timing.Confirm))
	default:
		f.nextRound()
	}
}

// findSoftErrors reads the soft error of sockets whose connect is still under way: an ICMP message that came while
// connect owned the socket, which the kernel will act on only at its next retransmission.
func (f *flight) findSoftErrors() {
	for _, c := range f.conns {
		if c.fd >= 0 && !c.established && f.protocol != UDP {
			if errno := c.pendingError(); errno != 0 && c.fail(CallSoft, errno) && f.over {
				return
			}
		}
	}
}

// nextRound confirms silence until the chance that loss made it is small enough.
func (f *flight) nextRound() {
	since := f.started
	if f.o.Rounds == 1 {
		since = f.first
	}
	if host, limited := f.engine.prober.budget.limitedBy(f.remote.Addr().WithZone(""), since); limited {
		if f.timing.ICMPWait > 0 && !f.held {
			f.engine.queueForSlot(f, host)
			return
		}
		f.o.ICMPLimited = true
	}
	missing := triesNeeded(f.loss) - f.silentTries()
	if f.o.Rounds > 1 && missing <= 0 || f.opened >= MaxSYNs {
		f.finish(nil)
		return
	}
	f.round(min(max(missing, confirmSockets), MaxSYNs-f.opened))
}

// silentTries counts the packets that stayed unanswered so far.
func (f *flight) silentTries() int {
	tries, dataTries := f.o.Tries, f.o.DataTries
	for _, c := range f.conns {
		if c.fd >= 0 {
			connect, data := c.tries(c.tcpInfo(), f.engine.now)
			tries += connect
			dataTries += data
		}
	}
	if f.o.Phase == PhaseExchange && f.protocol != UDP {
		return dataTries
	}
	return tries
}

// answered ends the flight with an answer, or begins to hold the connection.
func (f *flight) answered(c *conn) {
	f.o.Connect = c.handshake
	if !c.asked.IsZero() {
		f.o.Exchange = f.engine.now.Sub(c.asked)
	}
	if f.hold > 0 && !f.held {
		f.beginHold(c)
		return
	}
	f.o.Phase = PhaseDone
	f.finish(c)
}

// finish ends the flight. c is the deciding socket, nil after silence.
func (f *flight) finish(c *conn) {
	if f.over {
		return
	}
	f.over = true
	e := f.engine
	e.unset(&f.timer)
	f.letGo()
	if c == nil && len(f.conns) > 0 {
		c = f.conns[0]
	}
	f.o.Remote = f.remote
	if c != nil {
		f.o.Local = c.local
		f.o.TCPInfo = newTCPInfo(c.tcpInfo())
	}
	if !f.first.IsZero() {
		f.o.Waited = e.now.Sub(f.first)
	}
	f.closeConns()
	e.releaseSlot(f.slot)
	f.done(f)
}

func (f *flight) closeConns() {
	for _, c := range f.conns {
		c.close()
	}
}
