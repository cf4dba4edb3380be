// Package policy says what NetworkPolicies mean, without a cluster.
//
// A [Cluster] is a snapshot of API objects: namespaces, pods, Services, endpoint slices, nodes and NetworkPolicies. [Compile]
// indexes it once into an [Evaluator], which then answers two questions about a connection (a [Query]):
//
//   - [Evaluator.Verdict]: may it pass? Fast, made for matrices of millions of cells.
//   - [Evaluator.Explain]: why? Both ends, the policies that select each, the rule that decides, and for a denial the rules that came
//     closest, the term of each that failed and the smallest change that would admit the connection.
//
// The semantics are those of the documentation of networking/v1 in k8s.io/api and of the Kubernetes concept page "Network Policies":
// policies add up, their order means nothing, a connection needs the egress of its source and the ingress of its destination.
// Where these texts leave the answer to the network plugin (hostNetwork pods, ipBlocks over pod, node and Service addresses, a pod that
// reaches itself through a Service) the verdict is [Depends] and says on what; a [Plugin] whose behaviour is known removes the doubt.
//
// Validate and Warnings apply the rules by which the API server accepts, rejects or warns about a NetworkPolicy.
//
// Guarantees:
//
//   - Everything is a pure function of its arguments; an Evaluator is immutable and safe for concurrent use.
//   - Explain never contradicts Verdict, and every sentence is rendered from the explanation's data.
//   - The same cluster gives the same bytes, whatever the order of its objects.
//
// How far this can be trusted: tables of the traps, the promises of the API's own documentation, properties on random clusters (package
// policytest makes them), and comparisons with code of others in modules of their own: the matcher of cyclonus (difftest) and the API
// server's validation (e2e/lab/validation).
//
// Non-goals: what the wire does (a verdict is what the policies say), policies of other API groups, and reading a cluster.
package policy
