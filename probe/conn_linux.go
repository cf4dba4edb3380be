package probe

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// conn is one socket of a flight.
type conn struct {
	flight     *flight
	fd         int
	generation int32

	local       netip.AddrPort
	opened      time.Time // of connect, for UDP of the first datagram
	asked       time.Time // when the request was sent first
	handshake   time.Duration
	established bool
	sent        int // bytes of the request that a stream has taken
	datagrams   int
	received    []byte
}

// ready moves the socket on after epoll events.
func (c *conn) ready(events uint32) {
	f := c.flight
	failed := events&(unix.EPOLLERR|unix.EPOLLHUP) != 0
	if !c.established && f.protocol != UDP {
		if failed && c.fail(CallPending, c.pendingError()) {
			return
		}
		if events&(unix.EPOLLOUT|unix.EPOLLHUP|unix.EPOLLIN) == 0 {
			return
		}
		if c.local == f.remote {
			// The kernel has chosen the port that we ask as our own, and so connected the socket to itself (RFC 9293, 3.5).
			c.close()
			return
		}
		if c.connected(); f.over {
			return
		}
	}
	if f.protocol != UDP {
		if c.send(); f.over {
			return
		}
	}
	if c.receive() || !failed {
		return
	}
	c.fail(CallPending, c.pendingError())
}

// connected notes the end of the handshake.
func (c *conn) connected() {
	f := c.flight
	c.established = true
	c.handshake = f.engine.now.Sub(c.opened)
	f.o.Phase = PhaseExchange
	f.engine.prober.pacer.connected(c.handshake, f.engine.now)
	if f.exchange == nil {
		f.answered(c)
	}
}

// send gives the rest of the request to a stream. An error is left to receive, because an answer may have come first.
func (c *conn) send() {
	request := c.flight.exchange.request()
	if c.asked.IsZero() {
		c.asked = time.Now()
	}
	for c.sent < len(request) {
		n, err := unix.SendmsgN(c.fd, request[c.sent:], nil, nil, unix.MSG_NOSIGNAL)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return
		}
		c.sent += n
	}
}

// sendDatagram sends the request once more. An error may be that of an earlier datagram.
func (c *conn) sendDatagram() {
	f := c.flight
	if c.asked.IsZero() {
		c.asked = time.Now()
	}
	switch err := unix.Send(c.fd, f.exchange.request(), unix.MSG_NOSIGNAL); err {
	case nil:
		c.datagrams++
	case unix.EAGAIN, unix.ENOBUFS, unix.EINTR: // lost, like any other datagram
	case unix.ECONNREFUSED, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.ENOPROTOOPT:
		c.fail(CallReceive, err.(unix.Errno))
	default:
		c.fail(CallSend, err.(unix.Errno))
	}
}

// receive reads what came and tells whether that decided the socket's fate.
func (c *conn) receive() (decided bool) {
	f := c.flight
	for {
		n, err := unix.Read(c.fd, f.engine.buffer)
		switch {
		case err == unix.EINTR:
			continue
		case err == unix.EAGAIN:
			return false
		case err != nil:
			return c.fail(CallReceive, err.(unix.Errno))
		}
		b, eof := f.engine.buffer[:n], false
		if f.protocol != UDP {
			c.received = append(c.received, b...)
			b, eof = c.received, n == 0
		}
		switch f.exchange.receive(b, eof, &f.o) {
		case answered:
			if f.answered(c); f.over {
				return true
			}
			continue // held: the end of the connection may have come already
		case unheard:
			c.close()
			return true
		case damaged:
			f.o.ForeignAnswer = printable(b)
		}
		if eof {
			f.o.EOF = true
			f.finish(c)
			return true
		}
	}
}

// fail records an error that decides the flight. It tells whether it did: an ICMP message about the packet size does
// not, nor does the kernel's giving up, which only ends this socket.
func (c *conn) fail(call Call, errno unix.Errno) (decided bool) {
	f := c.flight
	message := c.drain()
	name := errnoName(errno)
	switch {
	case errno == 0 && message == nil:
		return false
	case errno == 0:
		name = message.Errno
	case errno == unix.EMSGSIZE || errno == unix.EAGAIN:
		return false
	case errno == unix.ETIMEDOUT:
		c.close()
		return true
	}
	f.o.Errno, f.o.Call, f.o.ICMP = name, call, message
	f.finish(c)
	return true
}

// pendingError reads and clears the error that is pending on the socket; with none it is the soft error, an ICMP
// message that came while connect still owned the socket.
func (c *conn) pendingError() unix.Errno {
	value, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return 0
	}
	return unix.Errno(value)
}

// drain empties the error queue and returns its first message that decides something.
func (c *conn) drain() *ICMP {
	f := c.flight
	var first *ICMP
	for {
		_, n, _, _, err := unix.Recvmsg(c.fd, nil, f.engine.oob, unix.MSG_ERRQUEUE)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return first
		}
		message, ok := parseErrorQueue(f.engine.oob[:n])
		if !ok || message.aboutSize() {
			continue
		}
		if message.Version != 0 && message.Offender != c.local.Addr().WithZone("") {
			f.engine.prober.budget.spent(message, f.remote.Addr().WithZone(""), f.engine.now.Sub(c.opened), f.engine.now)
		}
		if first == nil {
			first = &message
		}
	}
}

// tries returns how often the kernel has asked for the connection, and how often for an answer to the request.
func (c *conn) tries(info *unix.TCPInfo, now time.Time) (connect, data int) {
	switch {
	case c.flight.protocol == UDP:
		return c.datagrams, 0
	case !c.established && info != nil:
		return 1 + int(info.Total_retrans), 0
	case !c.established:
		return 1, 0
	case c.asked.IsZero():
		return 1, 0
	case info != nil && info.Unacked > 0:
		return 1, 1 + int(info.Retransmits)
	}
	// The peer has acknowledged the request: it is now the peer's kernel that would repeat a lost answer, after 0.2 s and
	// twice as long each time.
	tries := 1
	for wait := 200 * time.Millisecond; c.asked.Add(wait).Before(now); wait = 2*wait + 200*time.Millisecond {
		tries++
	}
	return 1, tries
}

// close closes the socket and adds its packets to the flight's.
func (c *conn) close() {
	f := c.flight
	if c.fd < 0 {
		return
	}
	info := c.tcpInfo()
	connect, data := c.tries(info, f.engine.now)
	f.o.Tries += connect
	f.o.DataTries += data
	if c.flight.o.Identity != nil && f.protocol == TCP {
		// A reset keeps neither end, nor the connection tracking between them, waiting for stray packets.
		unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	delete(f.engine.conns, int32(c.fd))
	unix.Close(c.fd)
	c.fd = -1
}

func (c *conn) tcpInfo() *unix.TCPInfo {
	if c.flight.protocol != TCP || c.fd < 0 {
		return nil
	}
	info, err := unix.GetsockoptTCPInfo(c.fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return nil
	}
	return info
}
