package cluster

import (
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/podknock/podknock/e2e/lab/internal/mutants"
)

// Families says which IP families a lab's pods and Services have.
type Families string

// What Families can be; the first family of a dual-stack lab is IPv4.
const (
	DualStack Families = "dual"
	IPv4Only  Families = "ipv4"
	IPv6Only  Families = "ipv6"
)

// Engine says who enforces NetworkPolicies.
type Engine string

// What Engine can be. NoEngine accepts policies and enforces nothing, as a
// cluster with flannel does.
const (
	KubeNetworkPolicies Engine = "kube-network-policies"
	NoEngine            Engine = "none"
)

// mutantPrefix precedes a name of the catalogue of engines that are wrong on
// purpose.
const mutantPrefix = "mutant:"

// mutant returns the name of the mutant that an engine is.
func (e Engine) mutant() (string, bool) { return strings.CutPrefix(string(e), mutantPrefix) }

// Validate returns one sentence when there is no such engine.
func (e Engine) Validate() error {
	if name, is := e.mutant(); is {
		_, err := mutants.Find(name)
		return err
	}
	if engines := []Engine{KubeNetworkPolicies, NoEngine}; !slices.Contains(engines, e) {
		return fmt.Errorf("engine %q: use one of %q, or %sNAME", e, engines, mutantPrefix)
	}
	return nil
}

// Options say what kind of lab is wanted. The zero value of a field means its
// default.
type Options struct {
	Name     string   `json:"name"`     // default "lab"
	Nodes    int      `json:"nodes"`    // default 2
	Families Families `json:"families"` // default DualStack
	Engine   Engine   `json:"engine"`   // default KubeNetworkPolicies

	// Source is the folder of the lab's Go module.
	Source string `json:"-"`
	// Self is this program, which also is every machine's init.
	Self string `json:"-"`
	// Progress receives a line for each phase.
	Progress io.Writer `json:"-"`
	// Patience bounds Up without its build; default 90 s.
	Patience time.Duration `json:"-"`
}

// maxNodes is what the lab's address plan has room for.
const maxNodes = 20

var validName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,18}[a-z0-9])?$`)

func (o Options) withDefaults() Options {
	if o.Name == "" {
		o.Name = "lab"
	}
	if o.Nodes == 0 {
		o.Nodes = 2
	}
	if o.Families == "" {
		o.Families = DualStack
	}
	if o.Engine == "" {
		o.Engine = KubeNetworkPolicies
	}
	if o.Progress == nil {
		o.Progress = io.Discard
	}
	if o.Patience == 0 {
		o.Patience = 90 * time.Second
	}
	return o
}

// Validate returns one sentence for the first option that cannot be.
func (o Options) Validate() error {
	o = o.withDefaults()
	if err := ValidateName(o.Name); err != nil {
		return err
	}
	if o.Nodes < 1 || o.Nodes > maxNodes {
		return fmt.Errorf("nodes %d: a lab has 1 to %d nodes", o.Nodes, maxNodes)
	}
	if families := []Families{DualStack, IPv4Only, IPv6Only}; !slices.Contains(families, o.Families) {
		return fmt.Errorf("IP family %q: use one of %q", o.Families, families)
	}
	return o.Engine.Validate()
}

// ValidateName returns one sentence when no lab can have the name.
func ValidateName(name string) error {
	if !validName.MatchString(name) {
		return fmt.Errorf("name %q: a lab's name has up to 20 lower case letters, digits and inner hyphens", name)
	}
	return nil
}
