package probe

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"
)

// readers lend the buffers of connections: most of them live for a millisecond.
var readers = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 4<<10) }}

// drainLimit bounds what is read and dropped of a visitor who has been answered.
const drainLimit = 64 << 10

// serveStream accepts until the listener is closed and returns when its last connection is closed.
func (r *Responder) serveStream(ctx context.Context, s stream) {
	var connections sync.WaitGroup
	defer connections.Wait()
	for {
		conn, err := accept(ctx, s)
		if err != nil {
			return
		}
		// Taken after the accept: a listener that nobody visits must not hold a slot.
		select {
		case r.slots <- struct{}{}:
		case <-ctx.Done():
			conn.Close()
			return
		}
		connections.Go(func() {
			defer func() { <-r.slots }()
			stop := context.AfterFunc(ctx, func() { conn.Close() })
			defer stop()
			r.serveConnection(conn, s.protocol)
		})
	}
}

// visit is one connection.
type visit struct {
	net.Conn
	*bufio.Reader
	arrival Arrival
}

// Read reads through the buffer.
func (v visit) Read(b []byte) (int, error) { return v.Reader.Read(b) }

func (r *Responder) serveConnection(conn net.Conn, protocol Protocol) {
	defer conn.Close()
	reader := readers.Get().(*bufio.Reader)
	reader.Reset(conn)
	defer func() {
		reader.Reset(nil)
		readers.Put(reader)
	}()
	v := visit{conn, reader, Arrival{
		Time: time.Now().UTC(), Protocol: protocol, Remote: addrPortOf(conn.RemoteAddr()), Local: addrPortOf(conn.LocalAddr()),
		Speech: SpeechNone,
	}}
	v.arrival.Number = r.log(v.arrival)

	conn.SetDeadline(time.Now().Add(firstBytesWait))
	first, err := reader.Peek(1)
	if err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return // the visitor left, as nc -z does
	}
	conn.SetDeadline(time.Now().Add(speechWait))
	switch {
	case err != nil:
		r.answerInText(v)
	case first[0] == helloMagic[0]:
		r.answerHellos(v)
	default:
		r.answerRequest(v)
	}
}

// answerHellos answers one hello after the other, because a run may hold a connection to see whether a policy cuts it.
func (r *Responder) answerHellos(v visit) {
	for first := true; ; first = false {
		hello, err := ReadHello(v)
		if err != nil {
			if first {
				r.heard(v.arrival, SpeechUnknown, Nonce{})
			}
			return
		}
		if first {
			r.heard(v.arrival, SpeechHello, hello.Nonce)
		} else {
			next := v.arrival
			next.Time, next.Speech, next.Nonce = time.Now().UTC(), SpeechHello, hello.Nonce
			r.log(next)
		}
		token, wait := r.options.Token, heldWait
		if !hello.SignedBy(token) {
			token, wait = "", speechWait
		}
		reply := hello.Reply(r.options.Identity, v.arrival.Remote)
		frame, err := reply.Append(nil, token)
		if err != nil {
			return
		}
		v.SetDeadline(time.Now().Add(speechWait))
		if _, err := v.Write(frame); err != nil {
			return
		}
		v.SetReadDeadline(time.Now().Add(wait))
	}
}

func (r *Responder) answerInText(v visit) {
	who := r.options.Identity
	fmt.Fprintf(v, "podknock: pod %q in namespace %q, uid %q, node %q, sees you come from %s\n",
		who.Pod, who.Namespace, who.UID, who.Node, v.arrival.Remote)
	v.part()
}

// part says that nothing more comes and waits for the visitor to close: closing while bytes of his are unread would
// reset the connection and might take our answer with it.
func (v visit) part() {
	if half, ok := v.Conn.(interface{ CloseWrite() error }); ok {
		half.CloseWrite()
	}
	v.SetReadDeadline(time.Now().Add(speechWait / 2))
	io.CopyN(io.Discard, v, drainLimit)
}

// log records an arrival and returns its number, 0 without a log.
func (r *Responder) log(a Arrival) uint64 {
	if r.options.Arrivals == nil {
		return 0
	}
	return r.options.Arrivals.add(a)
}

func (r *Responder) heard(a Arrival, speech Speech, nonce Nonce) {
	if r.options.Arrivals != nil {
		r.options.Arrivals.heard(a.Number, speech, nonce)
	}
}

// addrPortOf returns the address of a connection made by the net package, without a mapped form.
func addrPortOf(a net.Addr) netip.AddrPort {
	tcp, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	ap := tcp.AddrPort()
	return netip.AddrPortFrom(ap.Addr().Unmap(), ap.Port())
}
