package scenarios_test

import (
	"fmt"

	"github.com/podknock/podknock/scenarios"
)

func ExampleExpand() {
	scenario, err := scenarios.Loader{}.Parse("closed.yaml", []byte(`
apiVersion: podknock.dev/v1alpha1
kind: Scenario
metadata: {name: closed}
about: A policy without rules closes the server.
pods:
  client:
  server: {ports: [80]}
steps:
  - name: closed
    apply: [{metadata: {name: close}, spec: {podSelector: {}, policyTypes: [Ingress]}}]
    expect: [{from: client, to: server, outcome: blocked}]
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	expansion, err := scenarios.Expand(scenario, scenarios.ExpandOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, step := range expansion.Steps {
		for _, cell := range step.Cells {
			fmt.Printf("%s: %s: %s\n", step.Name, cell, cell.Expected)
		}
	}
	// Output:
	// before any policy: client -> server:80/TCP (IPv4): connected
	// closed: client -> server:80/TCP (IPv4): blocked
}
