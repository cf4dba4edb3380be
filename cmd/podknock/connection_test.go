package main

import (
	"errors"
	"io"
	"os"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/spf13/cobra"
	"k8s.io/klog/v2"
)

func TestWhatClientGoLogsIsNotForPeople(t *testing.T) {
	g := NewWithT(t)
	before := os.Stderr
	t.Cleanup(func() { os.Stderr = before })
	read, write, err := os.Pipe()
	g.Expect(err).NotTo(HaveOccurred())
	os.Stderr = write

	_, _ = addConnectionFlags(&cobra.Command{}, "").config() // whatever is configured where the test runs
	klog.Background().Error(errors.New("context canceled"), "Unexpected error when reading response body")
	klog.Errorf("lost connection to pod")
	klog.Flush()
	g.Expect(write.Close()).To(Succeed())
	said, err := io.ReadAll(read)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(said)).To(BeEmpty())
}
