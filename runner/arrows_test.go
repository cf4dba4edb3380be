package runner_test

import (
	"os/exec"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

// TestArrowsRunOneWay holds the order of the packages: whoever imports something above him, or client-go below cmd and runner/cluster, fails.
func TestArrowsRunOneWay(t *testing.T) {
	const module = "github.com/podknock/podknock/"
	forbidden := map[string][]string{
		"probe/...": {
			module + "scenarios", module + "runner", module + "cmd", "k8s.io/", "sigs.k8s.io/",
		},
		"scenarios/...":  {module + "runner", module + "cmd", "k8s.io/client-go", "k8s.io/cli-runtime"},
		"runner":         {module + "runner/", module + "cmd", "k8s.io/client-go", "k8s.io/cli-runtime"},
		"runner/report":  {module + "runner/cluster", module + "cmd", "k8s.io/client-go", "k8s.io/cli-runtime"},
		"runner/cluster": {module + "runner/report", module + "cmd", "k8s.io/cli-runtime"},
		// What is diagnosed is read and asked elsewhere: cmd -> runner/cluster -> runner/why -> runner/diagnose -> runner.
		"runner/why":          {module + "runner/cluster", module + "runner/report", module + "cmd", "k8s.io/client-go", "k8s.io/cli-runtime"},
		"runner/diagnose/...": {module + "runner/cluster", module + "runner/why", module + "runner/report", module + "cmd", "k8s.io/client-go", "k8s.io/cli-runtime"},
		"cmd/podknock-agent":  {module + "scenarios", module + "runner", "k8s.io/", "sigs.k8s.io/"},
		"images/...":          {module + "runner", module + "scenarios", "k8s.io/"},
	}
	for packages, above := range forbidden {
		t.Run(packages, func(t *testing.T) {
			out, err := exec.Command("go", "list", "-deps", module+packages).CombinedOutput()
			NewWithT(t).Expect(err).NotTo(HaveOccurred(), string(out))
			for dependency := range strings.Lines(string(out)) {
				dependency = strings.TrimSpace(dependency)
				for _, prefix := range above {
					if strings.HasPrefix(dependency, prefix) {
						t.Errorf("%s depends on %s", packages, dependency)
					}
				}
			}
		})
	}
}
