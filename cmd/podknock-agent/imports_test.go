//go:build linux

package main

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// The agent runs in every probe pod, with the token of the run: what it links has to be small and known.
func TestAgentLinksOnlyWhatItMay(t *testing.T) {
	g := NewWithT(t)
	list := exec.Command("go", "list", "-deps", "-f", `{{if not .Standard}}{{.ImportPath}}{{end}}`, ".")
	output, err := list.Output()
	g.Expect(err).NotTo(HaveOccurred())
	for path := range strings.FieldsSeq(string(output)) {
		allowed := path == "golang.org/x/sys/unix" ||
			path == "github.com/podknock/podknock/probe" || path == "github.com/podknock/podknock/cmd/podknock-agent"
		g.Expect(allowed).To(BeTrue(), path)
	}
	output, err = exec.Command("go", "list", "-deps", ".").Output()
	g.Expect(err).NotTo(HaveOccurred())
	for path := range strings.FieldsSeq(string(output)) {
		g.Expect(path).NotTo(BeElementOf("net/http", "crypto/tls", "text/template"), "it costs every pod memory")
	}
}
