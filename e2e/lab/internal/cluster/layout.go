package cluster

import (
	"path/filepath"
)

// A lab keeps two folders: a small one in /run for what others look for and
// what must not outlive a reboot, and one in /var/lib for logs and disks.
const (
	runRoot = "/run/podknock"
	varRoot = "/var/lib/podknock"
)

// layout says where a lab's files are.
type layout struct{ name string }

func (l layout) runtime(elements ...string) string {
	return filepath.Join(append([]string{runRoot, l.name}, elements...)...)
}

func (l layout) data(elements ...string) string {
	return filepath.Join(append([]string{varRoot, l.name}, elements...)...)
}

func (l layout) lockFile() string             { return filepath.Join(runRoot, l.name+".lock") }
func (l layout) stateFile() string            { return l.runtime("lab.json") }
func (l layout) kubeconfig() string           { return l.runtime("kubeconfig") }
func (l layout) record(machine string) string { return l.runtime(machine + ".pid") }
func (l layout) socket(machine string) string { return l.runtime(machine + ".sock") }
func (l layout) pki(elements ...string) string {
	return l.data(append([]string{"pki"}, elements...)...)
}

func (l layout) log(machine, component string) string {
	return l.data("logs", machine+"-"+component+".log")
}

// disk is the folder of a machine's own files.
func (l layout) disk(machine string, elements ...string) string {
	return l.data(append([]string{"disks", machine}, elements...)...)
}

// cgroup is the lab's folder in each cgroup hierarchy; pods' cgroups lie below.
func (l layout) cgroup(elements ...string) string {
	return filepath.Join(append([]string{"/podknock", l.name}, elements...)...)
}

// KubeconfigPath is where the kubeconfig of a lab is, once it is up.
func KubeconfigPath(name string) string { return layout{name}.kubeconfig() }
