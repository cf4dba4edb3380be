// Package cluster is a [runner.Cluster] that talks to a Kubernetes API server with client-go.
//
// # Guarantees
//
//   - Every object carries the run's id, owner and expiry as labels. Within a namespace all of them have one owner, the run's ServiceAccount,
//     so that deleting that one is enough; probe pods end by themselves at the run's deadline.
//   - Probe pods satisfy the restricted Pod Security Standard, hold no token of a service account, and have requests and limits. Only pods in
//     the network of their node need more, and get a namespace of their own.
//   - A pod that can't start is explained from its status and its events as soon as the cluster says so.
//   - The number of streams and of new streams per second is bounded here, because the API server exempts them from priority and fairness.
//     What the server asks to be done later (429) or fails at (5xx) is tried again with growing pauses, within the context.
//   - Nothing is deleted that does not carry the label of a run of podknock. Finalizers of others are reported and never removed.
//
// # Non-goals
//
// The package knows no cells and judges nothing.
package cluster
