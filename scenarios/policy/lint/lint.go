package lint

import (
	"fmt"
	"slices"
	"strings"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/inventory"
)

// AnnotationIgnore on a policy names rules, divided by commas, whose findings there are meant so.
const AnnotationIgnore = "podknock.dev/lint-ignore"

// Options say what to look for. The zero value is everything.
type Options struct {
	// Skip are IDs of rules that are not applied.
	Skip []string
	// Namespace bounds the findings to the objects of one namespace; all others still tell what is there. Empty means all.
	Namespace string
}

// Run looks at an inventory. The problems are those that its reader found: they become findings. The error is an [ErrRule].
func Run(objects *inventory.Inventory, problems inventory.Problems, options Options) (*Report, error) {
	for _, id := range options.Skip {
		if _, known := rule(id); !known {
			return nil, ErrRule(id)
		}
	}
	c := newChecker(objects, options)
	for _, problem := range problems {
		at := problem.Position
		c.add(Finding{
			Rule: ruleInvalid, Severity: Error, Object: problem.Object, Field: problem.Field, Position: &at,
			What: sentence(problem.Message), Do: "Correct it: as it is, the API server rejects the object.",
		})
	}
	for i := range c.objects.Cluster.Policies {
		c.checkValidity(&c.objects.Cluster.Policies[i], problems)
	}
	c.compile()
	for _, p := range c.policies {
		c.checkKeys(p)
		c.checkSubject(p)
		c.checkSelected(p)
		c.checkTypes(p)
		c.checkPeers(p)
		c.checkBlocks(p)
		c.checkPorts(p)
		c.checkEffect(p)
	}
	c.checkEnds()
	c.checkDNS()
	c.checkServices()
	c.checkCluster()
	c.report.sort()
	return &c.report, nil
}

// checkValidity sorts a policy out that the API server rejects: nothing else is said about it.
func (c *checker) checkValidity(p *networkingv1.NetworkPolicy, problems inventory.Problems) {
	ref := refOf(p)
	broken := slices.ContainsFunc(problems, func(problem inventory.Problem) bool { return problem.Object == ref })
	faults := policy.Validate(p)
	for _, fault := range faults {
		if broken {
			break // the fault may come from what could not be read
		}
		c.found(ruleInvalid, ref, fault.Field, "The API server rejects the policy: "+fault.ErrorBody()+".", adviceFor(fault.Field, fault.BadValue))
	}
	if broken || len(faults) > 0 {
		return
	}
	for _, warning := range policy.Warnings(p) {
		field, text, _ := strings.Cut(warning, ": ")
		c.found(ruleSpelling, ref, field, "The API server warns: "+text+".", "Spell the cidr with a plain address whose bits beyond the length are zero.")
	}
	c.policies = append(c.policies, p)
}

// adviceFor knows the usual reasons of the usual faults.
func adviceFor(field string, value any) string {
	text := fmt.Sprint(value)
	switch {
	case strings.HasSuffix(field, ".port") && text != "" && strings.Trim(text, "0123456789") == "":
		if _, quoted := value.(string); quoted {
			return "Write the number without quotes: in quotes it is the name of a port."
		}
		return "Write a port from 1 to 65535."
	case strings.HasSuffix(field, ".port") && strings.Contains(text, "-"):
		return "Write a range as port and endPort, or the name of a port in lower case."
	case strings.HasSuffix(field, "endPort"):
		return "Give the first port of the range as a number in port, and the last one in endPort."
	case strings.HasSuffix(field, "cidr"):
		return "Write an address and a prefix length, such as 192.0.2.0/24; a single host is /32, or /128 for IPv6."
	case strings.Contains(field, "except"):
		return "Write ranges that are smaller than the cidr and within it."
	case strings.Contains(field, "policyTypes"):
		return "Write Ingress, Egress, or both, once each."
	}
	return "Correct the field."
}

// compile makes the evaluator of the valid policies. Without one, what needs it is not checked.
func (c *checker) compile() {
	cluster := c.objects.Cluster
	cluster.Policies = nil
	for _, p := range c.policies {
		cluster.Policies = append(cluster.Policies, *p)
	}
	evaluator, err := policy.Compile(cluster)
	if err != nil {
		c.unchecked("verdicts, because the objects contradict each other: %v", strings.ReplaceAll(err.Error(), "\n", "; "))
		return
	}
	c.evaluator = evaluator
}

// sentence begins with a capital letter and ends with a mark.
func sentence(text string) string {
	if text == "" {
		return text
	}
	if end := text[len(text)-1]; end != '?' && end != '.' {
		text += "."
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
