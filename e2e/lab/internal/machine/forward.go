package machine

import (
	"io"
	"net"
	"time"
)

// forwardDialTimeout is generous: the listener inside may just be starting.
const forwardDialTimeout = 5 * time.Second

// forward passes every accepted connection on to target until the process ends.
func forward(listener net.Listener, target string) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		go relay(conn, target)
	}
}

// relay copies both ways, and passes the end of either direction on, until
// both have ended.
func relay(outer net.Conn, target string) {
	defer outer.Close()
	inner, err := net.DialTimeout("tcp", target, forwardDialTimeout)
	if err != nil {
		return
	}
	defer inner.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		pass(inner, outer)
	}()
	pass(outer, inner)
	<-done
}

func pass(to, from net.Conn) {
	_, err := io.Copy(to, from)
	if err != nil {
		// A broken direction ends both: half a connection helps nobody.
		to.Close()
		from.Close()
		return
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
}
