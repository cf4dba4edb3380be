package diagnose

import (
	"fmt"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/scenarios/policy"
)

// changeFix is the command that makes a change of a policy. A policy that has to move is created where it belongs, and deleted where it is.
func (q *inquiry) changeFix(change policy.Change) *Fix {
	fix := &Fix{Object: "networkpolicy " + change.Policy.String(), Change: change.Sentence()}
	for _, operation := range change.Operations {
		if operation.Path == "/metadata/namespace" {
			fix.Command = q.moveCommand(change)
			return fix
		}
	}
	fix.Command = patchCommand("networkpolicy", change.Policy.Namespace, change.Policy.Name, change.Operations)
	return fix
}

// patchCommand is kubectl's command for a JSON patch (RFC 6902), which it takes as YAML too.
func patchCommand(kind, namespace, name string, operations []policy.Operation) string {
	text, err := yaml.Marshal(operations)
	if err != nil {
		return "" // operations hold strings and API types alone, which always marshal
	}
	return fmt.Sprintf("kubectl patch %s %s -n %s --type=json --patch-file=/dev/stdin <<'EOF'\n%sEOF", kind, name, namespace, text)
}

// moveCommand applies the policy in its new namespace and deletes it in the old one.
func (q *inquiry) moveCommand(change policy.Change) string {
	object := q.policyObject(change.Policy)
	if object == nil {
		return ""
	}
	moved, err := change.Apply(object)
	if err != nil {
		return ""
	}
	return moveCommand(moved, change.Policy)
}

func moveCommand(moved *networkingv1.NetworkPolicy, from policy.PolicyRef) string {
	bare := map[string]any{
		"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
		"metadata": map[string]any{"name": moved.Name, "namespace": moved.Namespace}, "spec": moved.Spec,
	}
	text, err := yaml.Marshal(bare)
	if err != nil {
		return ""
	}
	return fmt.Sprintf("kubectl apply -f - <<'EOF'\n%sEOF\nkubectl delete networkpolicy %s -n %s", text, from.Name, from.Namespace)
}

// policyObject finds a policy; nil if it is not there.
func (q *inquiry) policyObject(ref policy.PolicyRef) *networkingv1.NetworkPolicy {
	for i := range q.Snapshot.Policies {
		if p := &q.Snapshot.Policies[i]; p.Namespace == ref.Namespace && p.Name == ref.Name {
			return p
		}
	}
	return nil
}

// policyFix is a fix of a policy by operations of our own.
func policyFix(ref policy.PolicyRef, change string, operations ...policy.Operation) *Fix {
	return &Fix{
		Object: "networkpolicy " + ref.String(), Change: change,
		Command: patchCommand("networkpolicy", ref.Namespace, ref.Name, operations),
	}
}

// direction spells where the rules of a direction are.
func direction(d networkingv1.PolicyType) string { return strings.ToLower(string(d)) }

// peerField spells where the peers of a direction's rules are.
func peerField(d networkingv1.PolicyType) string {
	if d == networkingv1.PolicyTypeEgress {
		return "to"
	}
	return "from"
}
