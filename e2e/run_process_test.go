//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner"
)

// worldFlags name the lab's hosts outside the cluster for scenarios that need
// some.
var worldFlags = []string{"--external", "inside=192.0.2.10", "--external", "excluded=192.0.2.11", "--external", "outside=203.0.113.10"}

// podknock prepares a run of the program on a cluster.
func podknock(ctx context.Context, kubeconfig string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, abs(*podknockFlag), args...)
	cmd.Env = append(os.Environ(), "KUBECONFIG="+kubeconfig)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	return cmd
}

// run runs scenarios and returns the report and the exit code.
func run(ctx context.Context, kubeconfig string, args ...string) (*runner.Report, int) {
	GinkgoHelper()
	file := filepath.Join(GinkgoT().TempDir(), "report.json")
	cmd := podknock(ctx, kubeconfig, append([]string{"run", "--image", *imageFlag, "--output-file", file}, args...)...)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	fmt.Fprintf(GinkgoWriter, "podknock %v\n%s", args, out.String())
	code := 0
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
		code = exit.ExitCode()
	} else {
		Expect(err).NotTo(HaveOccurred())
	}
	data, err := os.ReadFile(file)
	Expect(err).NotTo(HaveOccurred(), out.String())
	var report runner.Report
	Expect(json.Unmarshal(data, &report)).To(Succeed())
	return &report, code
}

// marks are the scenarios' marks by name.
func marks(report *runner.Report) map[string]runner.Mark {
	byName := map[string]runner.Mark{}
	for _, s := range report.Scenarios {
		byName[s.Name] = s.Mark
	}
	return byName
}

// leftovers lists the namespaces of any run that are in the cluster.
func leftovers(ctx context.Context) []string {
	GinkgoHelper()
	namespaces, err := clientset.CoreV1().Namespaces().List(ctx, metav1.ListOptions{LabelSelector: "podknock.dev/run"})
	Expect(err).NotTo(HaveOccurred())
	var names []string
	for _, n := range namespaces.Items {
		names = append(names, n.Name)
	}
	return names
}
