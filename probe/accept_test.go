package probe

import (
	"context"
	"errors"
	"net"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

// failingListener fails so often before it accepts.
type failingListener struct {
	net.Listener
	failures int
	err      error
}

func (l *failingListener) Accept() (net.Conn, error) {
	if l.failures > 0 {
		l.failures--
		return nil, l.err
	}
	agent, _ := net.Pipe()
	return agent, nil
}

func TestAccept(t *testing.T) {
	t.Run("a closed listener is the end", func(t *testing.T) {
		g := NewWithT(t)
		_, err := accept(t.Context(), &failingListener{failures: 1, err: net.ErrClosed})
		g.Expect(err).To(MatchError(net.ErrClosed))
	})
	t.Run("the end of the context is the end", func(t *testing.T) {
		g := NewWithT(t)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		_, err := accept(ctx, &failingListener{failures: 1 << 30, err: errors.New("too many open files")})
		g.Expect(err).To(MatchError("too many open files"))
	})
	t.Run("want of descriptors is waited out", func(t *testing.T) {
		g := NewWithT(t)
		conn, err := accept(t.Context(), &failingListener{failures: 2, err: errors.New("too many open files")})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(conn.Close()).To(Succeed())
	})
}
