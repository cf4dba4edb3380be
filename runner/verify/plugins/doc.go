// Package plugins names the network plugin and the policy engine of a cluster from what its API shows, and finds the known switches that
// turn enforcement off. It is pure: [Identify] reads an [Inventory], which package runner/cluster gathers.
//
// What it says is a hint for people, never evidence: whether policies are enforced is for the wire to say. A cluster can have several
// plugins, one that makes the pod network and one that enforces policies in it, or none that shows: engines that run as a process on the
// nodes leave no object behind, and the names of the files in /etc/cni/net.d cannot be read through the API.
package plugins
