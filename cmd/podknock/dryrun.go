package main

import (
	"fmt"
	"io"

	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/runner/report"
)

// writeDryRun prints every object that a run would create, as YAML documents, and the rights that it needs as a comment in front.
func writeDryRun(out io.Writer, plan *runner.Plan, options cluster.Options) error {
	canaries := plan.MayNeedCanaries(runner.Options{Tenant: options.Tenant})
	fmt.Fprintf(out, "# Nothing was done. The run would have the id %s; another one gets another id.\n", options.Run)
	fmt.Fprintf(out, "# The label %s will say whom the cluster takes you for.\n", cluster.LabelOwner)
	for _, skipped := range plan.Skipped {
		fmt.Fprintf(out, "# %s would be skipped: %s\n", report.Clean(skipped.Name), report.Clean(skipped.Reason))
	}
	if canaries {
		fmt.Fprintf(out, "# The namespace %s is made where a change of policies shows in no cell. It has a canary for each node, canary-0 and so on.\n",
			runner.CanaryNamespace(options.Run))
	}
	fmt.Fprintln(out, "# Scenarios that need equal pods take turns on them, so that not all of these objects need come to be. It needs these rights:")
	for _, rule := range cluster.Rights(options) {
		fmt.Fprintf(out, "#   %s\n", rule)
	}
	options.Token = "a-secret-of-the-run"
	objects := cluster.Objects(plan, options)
	if canaries {
		objects = append(objects, cluster.CanaryObjects(options)...)
	}
	for _, object := range objects {
		text, err := yaml.Marshal(object)
		if err != nil {
			return fmt.Errorf("print an object: %w", err)
		}
		if _, err := fmt.Fprintf(out, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}
