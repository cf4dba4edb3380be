package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/podknock/podknock/runner/verify/plugins"
)

// survey is what the pre-flight learns for the stages that follow.
type survey struct {
	// nodes are those that probe pods can run on. Where nodes may not be read they are nameless.
	nodes   []string
	plugins []plugins.Plugin
}

// unknownNodes is how many places for pods are made where nodes may not be read: the scheduler spreads them if it can.
const unknownNodes = 2

// preflight finds out whether the cluster can be tested. ok says that it is worth going on.
func (v *verification) preflight(ctx context.Context) (found survey, ok bool) {
	stage := &v.report.Preflight
	ok = v.checkServer(ctx) && v.checkRights(ctx)
	if !ok {
		return found, false
	}
	start := time.Now()
	inventory, notes, err := v.cluster.Inventory(ctx)
	v.note(notes...)
	if err != nil {
		stage.add(Check{Name: "nodes and plugins", Status: StatusUnknown, Found: err.Error(), Elapsed: time.Since(start)})
	}
	found.nodes = v.checkNodes(v.cluster.NodeStates(inventory.Nodes), time.Since(start))
	if len(found.nodes) == 0 && len(inventory.Nodes) > 0 {
		return found, false
	}
	if len(found.nodes) == 0 {
		found.nodes = make([]string, unknownNodes)
	}
	found.plugins = plugins.Identify(&inventory)
	v.checkPlugins(found.plugins)
	for _, group := range plugins.OtherPolicies(&inventory) {
		v.note(fmt.Sprintf("objects of %s can decide beside NetworkPolicies: podknock does not read them", group))
	}
	return found, true
}

// add puts a check into the stage, whose status is that of its worst check.
func (p *Preflight) add(check Check) {
	p.Checks = append(p.Checks, check)
	p.Status = worseStatus(p.Status, check.Status)
}

// worseStatus returns the worse of two results.
func worseStatus(a, b Status) Status {
	order := []Status{"", StatusPass, StatusWarn, StatusUnknown, StatusFail}
	if slices.Index(order, b) > slices.Index(order, a) {
		return b
	}
	return a
}

func (v *verification) checkServer(ctx context.Context) bool {
	start := time.Now()
	facts, err := v.cluster.Facts(ctx)
	v.report.Cluster = facts
	check := Check{Name: "API server", Status: StatusPass, Found: fmt.Sprintf("Kubernetes %s answers", facts.Version), Elapsed: time.Since(start)}
	if err != nil {
		check.Status, check.Found = StatusFail, err.Error()
		check.Advice = "look whether the kubeconfig names the right cluster and whether its API server runs"
	}
	v.report.Preflight.add(check)
	return err == nil
}

// neededBesideNodes tells rights without which nothing can be tested from those whose lack only narrows the test.
func neededBesideNodes(rule rbacv1.PolicyRule) bool {
	return !slices.Contains(rule.Resources, "nodes") && !slices.Contains(rule.Resources, "events")
}

func (v *verification) checkRights(ctx context.Context) bool {
	start := time.Now()
	missing, err := v.cluster.MissingRules(ctx)
	check := rightsCheck(missing, v.options.Runner.Tenant)
	if err != nil {
		check.Status, check.Found = StatusUnknown, err.Error()
	}
	check.Elapsed = time.Since(start)
	v.report.Preflight.add(check)
	return check.Status != StatusFail
}

// rightsCheck says which rights are missing and what grants them.
func rightsCheck(missing []rbacv1.PolicyRule, tenant string) Check {
	check := Check{Name: "rights", Status: StatusPass, Found: "every right that is needed is granted"}
	if len(missing) == 0 {
		return check
	}
	check.Status = StatusWarn
	if slices.ContainsFunc(missing, neededBesideNodes) {
		check.Status = StatusFail
	}
	check.Found = "missing: " + rightsInWords(missing)
	check.Advice = "have an administrator grant what is missing, and bind it to yourself"
	check.Grant = grant(missing, tenant)
	return check
}

func rightsInWords(rules []rbacv1.PolicyRule) string {
	var words []string
	for _, rule := range rules {
		words = append(words, strings.Join(rule.Verbs, ", ")+" "+strings.Join(rule.Resources, ", "))
	}
	return strings.Join(words, "; ")
}

// grant is a role with the rules, as YAML to apply.
func grant(rules []rbacv1.PolicyRule, tenant string) string {
	meta := metav1.ObjectMeta{Name: "podknock"}
	var role any = &rbacv1.ClusterRole{TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "ClusterRole"}, ObjectMeta: meta, Rules: rules}
	if tenant != "" {
		meta.Namespace = tenant
		role = &rbacv1.Role{TypeMeta: metav1.TypeMeta{APIVersion: rbacv1.SchemeGroupVersion.String(), Kind: "Role"}, ObjectMeta: meta, Rules: rules}
	}
	text, err := yaml.Marshal(role)
	if err != nil {
		return rightsInWords(rules)
	}
	return string(text)
}

// checkNodes returns the nodes that probe pods can run on.
func (v *verification) checkNodes(states []NodeState, elapsed time.Duration) []string {
	if len(states) == 0 {
		v.report.Preflight.add(Check{
			Name: "nodes", Status: StatusUnknown, Found: "nodes may not be read: probe pods are left to the scheduler", Elapsed: elapsed,
		})
		return nil
	}
	var usable, problems []string
	for _, state := range states {
		if state.Problem == "" {
			usable = append(usable, state.Name)
			continue
		}
		problems = append(problems, fmt.Sprintf("%s: %s", state.Name, state.Problem))
	}
	check := Check{Name: "nodes", Status: StatusPass, Found: fmt.Sprintf("%d of %d nodes take probe pods", len(usable), len(states)), Elapsed: elapsed}
	if len(problems) > 0 {
		check.Status = StatusWarn
		check.Found += "; " + strings.Join(problems, "; ")
		check.Advice = "what is said below does not hold for the nodes that were left out"
	}
	if len(usable) == 0 {
		check.Status = StatusFail
	}
	v.report.Preflight.add(check)
	return usable
}

// checkPlugins reports what was found. It accuses nobody: that is for the canary.
func (v *verification) checkPlugins(found []plugins.Plugin) {
	check := Check{Name: "policy engine", Status: StatusWarn, Found: "no network plugin that podknock knows shows in the API"}
	var enforcing []string
	for _, plugin := range found {
		v.report.Preflight.Plugins = append(v.report.Preflight.Plugins, pluginResult(plugin))
		for _, note := range plugin.Notes {
			v.note(plugin.Name + ": " + note)
		}
		switch plugin.Enforcement {
		case plugins.Enforces:
			enforcing = append(enforcing, title(plugin))
		case plugins.SwitchedOff:
			check.Found, check.Advice = strings.Join(plugin.Off, "; "), plugin.Advice
		case plugins.EnforcesNothing:
			check.Found, check.Advice = plugin.Name+" has no policy engine, and none was found beside it", plugin.Advice
		}
	}
	if len(enforcing) > 0 {
		check.Status, check.Found, check.Advice = StatusPass, strings.Join(enforcing, ", ")+" should enforce policies", ""
	}
	v.report.Preflight.add(check)
}

// title is a plugin's name with its version.
func title(plugin plugins.Plugin) string {
	if plugin.Version == "" {
		return plugin.Name
	}
	return plugin.Name + " " + plugin.Version
}

func pluginResult(plugin plugins.Plugin) Plugin {
	result := Plugin{
		Name: plugin.Name, Version: plugin.Version, Evidence: plugin.Evidence, Ready: plugin.Ready, Nodes: plugin.Wanted,
		Disabled: strings.Join(plugin.Off, "; "),
	}
	if plugin.Network {
		result.Roles = append(result.Roles, "network")
	}
	if plugin.Enforcement != plugins.EnforcesNothing {
		result.Roles = append(result.Roles, "policies")
	}
	return result
}

// checkPods says how the probe pods came up: the image, PodSecurity and quotas show in what is said of those that did not.
func (v *verification) checkPods(g *ground, elapsed time.Duration) bool {
	started, problems := 0, map[string][]string{}
	for _, s := range g.sites {
		for _, r := range podRoles {
			if s.post(r) != nil {
				started++
				continue
			}
			problems[s.problem(r)] = append(problems[s.problem(r)], string(r)+" on "+s.name())
		}
	}
	check := Check{
		Name: "probe pods", Status: StatusPass, Elapsed: elapsed,
		Found: fmt.Sprintf("the image runs on %d nodes; PodSecurity restricted and quotas admit the pods", len(g.sites)),
	}
	if len(problems) > 0 {
		check.Status = StatusWarn
		var words []string
		for problem, pods := range problems {
			slices.Sort(pods)
			words = append(words, fmt.Sprintf("%s (%s)", problem, strings.Join(pods, ", ")))
		}
		slices.Sort(words)
		check.Found = "some pods did not start: " + strings.Join(words, "; ")
		check.Advice = "see --image, --registry, --image-pull-secret, --node-selector and --toleration"
	}
	if started == 0 {
		check.Status = StatusFail
	}
	v.report.Preflight.add(check)
	if problem := g.whyNoNodePods(); problem != "" {
		v.report.Preflight.add(Check{Name: "pods in the network of their nodes", Status: StatusWarn, Found: problem, Advice: "knocks from nodes are not tested"})
	}
	return started > 0
}

// name is the node's, or says that it is not known.
func (s *site) name() string {
	if s.node == "" {
		return fmt.Sprintf("unknown node %d", s.number)
	}
	return s.node
}
