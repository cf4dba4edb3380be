package plugins

import (
	"slices"
	"strings"
)

// Plugin is a network plugin or policy engine that was found.
type Plugin struct {
	// Name is the product's, such as Cilium, and Version the tag of its image, as far as that can be seen.
	Name    string
	Version string
	// Evidence says where it was found: "DaemonSet kube-system/cilium".
	Evidence string
	// Enforcement says what it is known to do with NetworkPolicies.
	Enforcement Enforcement
	// Network says that it makes the pods' network, and is no policy engine alone.
	Network bool
	// Ready counts the nodes on which its agent is ready, Wanted those on which it should be. Both are zero where nobody knows.
	Ready, Wanted int
	// Off are the switches that were found to turn enforcement off, one sentence each. Empty unless Enforcement is SwitchedOff.
	Off []string
	// Advice says what to do if nothing is enforced although this plugin is there.
	Advice string
	// Notes are further facts that bear on enforcement, one sentence each.
	Notes []string
}

// Enforcement is what a plugin is known to do with NetworkPolicies.
type Enforcement string

// The kinds of enforcement.
const (
	// Enforces: it is a policy engine, and no switch is known to be off.
	Enforces Enforcement = "enforces"
	// SwitchedOff: it is a policy engine, and a switch is off.
	SwitchedOff Enforcement = "switched-off"
	// EnforcesNothing: it makes a network and has no policy engine.
	EnforcesNothing Enforcement = "none"
)

// Identify names the plugins: those that run, then those that only nodes tell of, or else those that have left an API behind.
func Identify(inventory *Inventory) []Plugin {
	var found []Plugin
	for _, work := range inventory.workloads() {
		for i := range products {
			product := &products[i]
			if !product.is(&work) || slices.ContainsFunc(found, func(p Plugin) bool { return p.Name == product.name }) {
				continue
			}
			found = append(found, product.plugin(inventory, &work))
		}
	}
	for _, plugin := range fromNodes(inventory) {
		if !slices.ContainsFunc(found, func(p Plugin) bool { return p.Name == plugin.Name }) {
			found = append(found, plugin)
		}
	}
	if len(found) == 0 {
		found = fromGroups(inventory)
	}
	return found
}

// product is what is known of one plugin.
type product struct {
	name string
	// workloads are the names of its DaemonSets and Deployments, images the last parts of its images' names.
	workloads, images []string
	// main is the container whose image's tag is the version; empty means that with one of the images, or the first.
	main string
	// enforces says what a workload of it does, none if it is nil and enforcement is EnforcesNothing.
	enforcement Enforcement
	// beside says that it enforces policies in the network of another plugin.
	beside bool
	// look finds switches that are off, and notes.
	look func(*Inventory, *workload, *Plugin)
	// advice is for the case that nothing is enforced.
	advice string
}

func (p *product) is(work *workload) bool {
	if slices.Contains(p.workloads, work.name) {
		return true
	}
	return slices.ContainsFunc(p.images, func(image string) bool {
		for _, container := range work.spec.Containers {
			if repository(container.Image) == image {
				return true
			}
		}
		return false
	})
}

func (p *product) plugin(inventory *Inventory, work *workload) Plugin {
	plugin := Plugin{Name: p.name, Evidence: work.String(), Enforcement: p.enforcement, Advice: p.advice,
		Network: !p.beside, Ready: work.ready, Wanted: work.wanted,
	}
	if plugin.Enforcement == "" {
		plugin.Enforcement = Enforces
	}
	if len(work.spec.Containers) > 0 {
		main := &work.spec.Containers[0]
		for _, name := range append([]string{p.main}, p.images...) {
			if named := work.container(name); named != nil {
				main = named
				break
			}
		}
		plugin.Version = tag(main.Image)
	}
	if p.look != nil {
		p.look(inventory, work, &plugin)
	}
	if len(plugin.Off) > 0 {
		plugin.Enforcement = SwitchedOff
	}
	return plugin
}

// off notes a switch that turns enforcement off.
func (p *Plugin) off(sentence string) { p.Off = append(p.Off, sentence) }

func (p *Plugin) note(sentence string) { p.Notes = append(p.Notes, sentence) }

// isOff reads a switch's value.
func isOff(value string) bool {
	return slices.Contains([]string{"false", "0", "no", "never"}, strings.ToLower(value))
}

// isOn reads a switch's value.
func isOn(value string) bool {
	return slices.Contains([]string{"true", "1", "yes"}, strings.ToLower(value))
}
