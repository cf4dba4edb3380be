package scenarios

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"go.yaml.in/yaml/v4"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/podknock/podknock/scenarios/internal/manifest"
	"github.com/podknock/podknock/scenarios/internal/strict"
	"github.com/podknock/podknock/scenarios/policy"
)

// The kinds that hold policies.
const (
	policyListKind = "NetworkPolicyList"
	listKind       = "List"
)

// readPolicies reads the policies of all steps, in place and from files.
func (l *loading) readPolicies() {
	for i := range l.scenario.Steps {
		applies := l.scenario.Steps[i].Apply
		for j := range applies {
			at := strict.Index(strict.Index("steps", i)+".apply", j)
			l.readApply(&applies[j], at)
		}
	}
}

func (l *loading) readApply(apply *Apply, at string) {
	node := apply.node
	apply.node = nil
	switch {
	case node == nil: // a null, already reported
	case node.Kind == yaml.MappingNode:
		if policy, ok := l.readPolicy(&l.decoder, node, at); ok {
			apply.Policies = append(apply.Policies, policy)
		}
	case node.Kind == yaml.ScalarNode && node.Value != "":
		apply.File = node.Value
		apply.Policies = l.readPolicyFile(node.Value, at)
	default:
		l.report(at, "this is neither a file's name nor a NetworkPolicy: write one of them")
	}
}

// readPolicyFile reads all policies of a file.
func (l *loading) readPolicyFile(name, at string) []networkingv1.NetworkPolicy {
	path := name
	if !filepath.IsAbs(name) {
		path = filepath.Join(filepath.Dir(l.file), name)
	}
	data, err := l.loader.read(path)
	if err != nil {
		l.report(at, "the policy file can't be read: %v", err)
		return nil
	}
	roots, problems := strict.Parse(data)
	var policies []networkingv1.NetworkPolicy
	for _, root := range roots {
		decoder := strict.Decoder{}
		for _, item := range listItems(&decoder, root) {
			if policy, ok := l.readPolicy(&decoder, item.node, item.path); ok {
				policies = append(policies, policy)
			}
		}
		problems = append(problems, decoder.Problems()...)
	}
	if len(policies) == 0 && len(problems) == 0 {
		l.report(at, "the file %s holds no NetworkPolicy: write one into it", name)
	}
	strict.Sort(problems)
	for _, problem := range problems {
		l.fileProblems = append(l.fileProblems, newProblem(path, problem))
	}
	return policies
}

// placedNode is a node and its path in its document.
type placedNode struct {
	node *strict.Node
	path string
}

// listItems gives the items of a List or NetworkPolicyList, or the document itself.
func listItems(decoder *strict.Decoder, root *strict.Node) []placedNode {
	kind, items := childOf(root, "kind"), childOf(root, "items")
	if kind == nil || items == nil || kind.Value != listKind && kind.Value != policyListKind {
		return []placedNode{{node: root}}
	}
	var placed []placedNode
	for i, item := range items.Content {
		path := strict.Index("items", i)
		decoder.Decode(item, path, &strict.Ignored{})
		placed = append(placed, placedNode{node: item, path: path})
	}
	return placed
}

// childOf returns the value of a key of a mapping, or nil.
func childOf(node *strict.Node, key string) *strict.Node {
	if node.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(node.Content); i += 2 {
		if node.Content[i].Value == key {
			return node.Content[i+1]
		}
	}
	return nil
}

// readPolicy reads one policy and checks it as the API server does. It reports whether the policy is sound.
func (l *loading) readPolicy(decoder *strict.Decoder, node *strict.Node, at string) (networkingv1.NetworkPolicy, bool) {
	before := len(decoder.Problems())
	inPlace := decoder == &l.decoder
	if spec := childOf(node, "spec"); spec != nil {
		for _, problem := range substitute(spec, l.scenario.values()) {
			decoder.ReportAt(problem.Position, strict.Key(at, "spec"), "%s", problem.Message)
		}
	}
	var document manifest.NetworkPolicy
	foreign := decoder.Foreign
	decoder.Foreign = true
	decoder.Decode(node, at, &document)
	decoder.Foreign = foreign
	if document.Kind != manifest.PolicyKind && (document.Kind != "" || !inPlace) {
		decoder.Report(strict.Key(at, "kind"), "the kind is %q: only a NetworkPolicy can be applied", document.Kind)
		return networkingv1.NetworkPolicy{}, false
	}
	if document.APIVersion != manifest.PolicyAPIVersion && (document.APIVersion != "" || !inPlace) {
		decoder.Report(strict.Key(at, "apiVersion"), "the version is %q: write %s", document.APIVersion, manifest.PolicyAPIVersion)
	}
	result := networkingv1.NetworkPolicy{
		TypeMeta: metav1.TypeMeta{APIVersion: manifest.PolicyAPIVersion, Kind: manifest.PolicyKind},
		ObjectMeta: metav1.ObjectMeta{
			Name: document.Metadata.Name, Namespace: document.Metadata.Namespace,
			Labels: document.Metadata.Labels, Annotations: document.Metadata.Annotations,
		},
		Spec: document.Spec,
	}
	l.placePolicy(decoder, &result, strict.Key(strict.Key(at, "metadata"), "namespace"))
	if len(decoder.Problems()) == before {
		reportInvalid(decoder, at, policy.Validate(&result))
	}
	return result, len(decoder.Problems()) == before
}

// placePolicy finds the namespace of a policy, which has to be the scenario's own.
func (l *loading) placePolicy(decoder *strict.Decoder, policy *networkingv1.NetworkPolicy, at string) {
	namespace, err := l.scenario.placeIn(policy.Namespace)
	switch {
	case err != nil:
		decoder.Report(at, "%v", err)
		return
	case namespace.Existing:
		decoder.Report(at, "the namespace %q exists in the cluster and may hold other pods: apply policies to the scenario's own namespaces",
			namespace.Name)
	}
	policy.Namespace = namespace.Name
}

// placeIn resolves the namespace of an object, which may be omitted if there is only one.
func (s *Scenario) placeIn(name string) (Namespace, error) {
	names := make([]string, len(s.Namespaces))
	for i, namespace := range s.Namespaces {
		if names[i] = namespace.Name; namespace.Name == name {
			return namespace, nil
		}
	}
	switch {
	case name == "" && len(s.Namespaces) == 1:
		return s.Namespaces[0], nil
	case name == "":
		return Namespace{}, fmt.Errorf("the namespace is missing: name one of %s", strings.Join(names, ", "))
	}
	return Namespace{}, fmt.Errorf("the namespace %q is unknown: %s", name, strict.Suggest(name, names))
}

// reportInvalid turns the API server's errors into problems of the policy at a path.
func reportInvalid(decoder *strict.Decoder, at string, errs field.ErrorList) {
	for _, err := range errs {
		path := err.Field
		if at != "" {
			path = at + "." + err.Field
		}
		decoder.Report(path, "the API server rejects the policy: %s", err.ErrorBody())
	}
}

// policyKey identifies a policy.
type policyKey = policy.PolicyRef

func keyOf(p *networkingv1.NetworkPolicy) policyKey {
	return policyKey{Namespace: p.Namespace, Name: p.Name}
}

// sortedPolicyKeys lists the keys of policies by namespace and name.
func sortedPolicyKeys(policies map[policyKey]*networkingv1.NetworkPolicy) []policyKey {
	keys := make([]policyKey, 0, len(policies))
	for key := range policies {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b policyKey) int { return strings.Compare(a.String(), b.String()) })
	return keys
}
