package host

import (
	"bytes"
	"context"
	"testing"

	. "github.com/onsi/gomega"
)

func TestMissingPackagesAreNamedWithTheCommandThatInstallsThem(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // neither the tools nor an apt-get
	g := NewWithT(t)
	var progress bytes.Buffer
	err := Install(context.Background(), &progress)
	g.Expect(err).To(MatchError(ContainSubstring("nftables iptables conntrack iproute2 runc util-linux mount")))
	g.Expect(progress.String()).To(BeEmpty(), "nothing was installed")
}
