package probe

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// engine makes the attempts of one Run: one goroutine, one epoll set, one queue of timers. Every attempt is a state
// machine that moves when a socket is ready or its timer is due, so that ten thousand cost little more than their
// sockets.
type engine struct {
	prober  *Prober
	deliver func(Result)

	epoll int
	// wakeup is an eventfd for what comes from other goroutines.
	wakeup int
	conns  map[int32]*conn
	// generation tells a new socket from an old one with the same descriptor in one batch of events.
	generation int32

	attempts []Attempt // not yet admitted
	tasks    map[*task]struct{}
	timers   timerQueue
	// starved are flights whose next socket is due and waits for the pace. They come before new attempts.
	starved []*flight
	// held are the flights that hold an answered connection, with the number of releases before.
	held map[*flight]int
	// slots are silent flights that wait for a host's budget of ICMP errors, by host.
	slots map[netip.Addr]*slotQueue

	descriptorLimit int
	conf            *resolvConf
	confErr         error

	now    time.Time
	events [256]unix.EpollEvent
	buffer []byte
	oob    []byte
}

const (
	readBuffer = 64 << 10
	// sharedRetry is how long to wait when another Run of the same Prober holds what the next attempt needs.
	sharedRetry = 10 * time.Millisecond
)

func (p *Prober) run(ctx context.Context, attempts []Attempt, deliver func(Result)) {
	e := &engine{
		prober: p, deliver: deliver, attempts: attempts,
		tasks: map[*task]struct{}{}, conns: map[int32]*conn{}, held: map[*flight]int{}, slots: map[netip.Addr]*slotQueue{},
		descriptorLimit: descriptorLimit(),
		now:             time.Now(), buffer: make([]byte, readBuffer), oob: make([]byte, 512),
	}
	closeEngine, err := e.open(ctx)
	if err != nil {
		e.abandon(err.Error())
		return
	}
	defer closeEngine()
	e.loop(ctx)
}

// open creates the epoll set and an eventfd that becomes readable when ctx ends or held connections are released.
func (e *engine) open(ctx context.Context) (closeEngine func(), err error) {
	if e.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("create epoll set: %w", err)
	}
	wakeup, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(e.epoll)
		return nil, fmt.Errorf("create eventfd: %w", err)
	}
	wake := func() {
		unix.Write(wakeup, []byte{1, 0, 0, 0, 0, 0, 0, 0}) // fails only if the counter is full, and then it is readable
	}
	woken := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(woken)
		wake()
	})
	leave := e.prober.holds.watch(e, wake)
	e.wakeup = wakeup
	closeEngine = func() {
		leave()
		if !stop() {
			<-woken
		}
		unix.Close(wakeup)
		unix.Close(e.epoll)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(wakeup)}
	if err := unix.EpollCtl(e.epoll, unix.EPOLL_CTL_ADD, wakeup, &event); err != nil {
		closeEngine()
		return nil, fmt.Errorf("watch eventfd: %w", err)
	}
	return closeEngine, nil
}

func (e *engine) loop(ctx context.Context) {
	for {
		e.fireTimers()
		wait := e.serve()
		if len(e.tasks) == 0 && len(e.attempts) == 0 {
			return
		}
		if ctx.Err() != nil {
			e.abandon("cancelled: " + context.Cause(ctx).Error())
			return
		}
		if err := e.wait(e.patience(wait)); err != nil {
			e.abandon("wait for sockets: " + err.Error())
			return
		}
		e.release()
	}
}

// wait lets sockets move on that become ready within the given milliseconds. It takes all that are ready, so that no
// deadline passes over an answer that is there already.
func (e *engine) wait(milliseconds int) error {
	for {
		n, err := unix.EpollWait(e.epoll, e.events[:], milliseconds)
		e.now = time.Now()
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, event := range e.events[:max(n, 0)] {
			if event.Fd == int32(e.wakeup) {
				var count [8]byte
				unix.Read(e.wakeup, count[:]) // what it was for is looked at after each wait
				continue
			}
			if c := e.conns[event.Fd]; c != nil && c.generation == event.Pad {
				c.ready(event.Events)
			}
		}
		if n < len(e.events) {
			return nil
		}
		milliseconds = 0
	}
}

// serve opens what is due and admits attempts, as far as pace and limits allow. It returns how long to wait before
// trying again, zero if nothing waits.
func (e *engine) serve() time.Duration {
	for len(e.starved) > 0 || len(e.attempts) > 0 {
		if len(e.starved) == 0 {
			a := &e.attempts[0]
			if !e.prober.usage.admit(e.prober.Pace, descriptors(a), e.descriptorLimit) {
				return sharedRetry
			}
			e.attempts = e.attempts[1:]
			e.begin(a)
			continue
		}
		if wait, ok := e.prober.pacer.take(e.prober.Pace, e.now); !ok {
			return wait
		}
		f := e.starved[0]
		e.starved = e.starved[1:]
		f.open()
	}
	return 0
}

// patience returns the milliseconds to wait for events, at most until the next timer.
func (e *engine) patience(wait time.Duration) int {
	if len(e.timers) > 0 {
		if next := max(time.Until(e.timers[0].at), 1); wait == 0 || next < wait {
			wait = next
		}
	}
	if wait == 0 {
		return -1
	}
	return int((wait + time.Millisecond - 1) / time.Millisecond)
}

// abandon delivers an Error for everything that is undecided.
func (e *engine) abandon(why string) {
	for f := range e.held {
		f.letGo()
	}
	for _, c := range e.conns {
		c.close()
	}
	for t := range e.tasks {
		t.abandon(why)
	}
	for i := range e.attempts {
		newTask(e, &e.attempts[i]).abandon(why)
	}
}

// resolvConf reads resolv.conf once.
func (e *engine) resolvConf() (*resolvConf, error) {
	if e.conf == nil && e.confErr == nil {
		conf, err := readResolvConf(e.prober.ResolvConf)
		e.conf, e.confErr = &conf, err
	}
	return e.conf, e.confErr
}

// descriptorLimit returns how many descriptors the process may spend on sockets: its limit less a reserve for
// everything else.
func descriptorLimit() int {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return defaultWaiting
	}
	current := int(min(limit.Cur, 1<<20))
	return max(1, current-max(32, current/8))
}
