// Package cluster brings a lab up and takes it down: real Kubernetes, a real
// container runtime and a real policy engine on machines made of namespaces.
//
// Up is the story in order: build, clear what an earlier lab left, make the
// machines, wire them, start the control plane, register and start the nodes,
// install DNS and the engine's rights, wait until all is Ready. Down is one
// kill for each machine and the removal of the lab's files and cgroups.
package cluster
