//go:build linux && wire

package cluster

import (
	"context"
	"fmt"
	"os"
	"testing"
	"time"

	. "github.com/onsi/gomega"
)

func TestOneCommandAtATimeWorksOnALab(t *testing.T) {
	g := NewWithT(t)
	l := layout{fmt.Sprintf("lock%d", os.Getpid())}
	unlock, err := lockLab(context.Background(), l)
	g.Expect(err).NotTo(HaveOccurred())

	short, cancel := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer cancel()
	_, err = lockLab(short, l)
	g.Expect(err).To(MatchError(ContainSubstring("another command is working on it")))

	second := make(chan error)
	go func() {
		unlock, err := lockLab(context.Background(), l)
		if err == nil {
			unlock()
		}
		second <- err
	}()
	unlock()
	g.Eventually(second).WithTimeout(10 * time.Second).Should(Receive(BeNil()))
	g.Expect(l.lockFile()).NotTo(BeAnExistingFile(), "a lock leaves nothing")
}
