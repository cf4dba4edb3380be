// Package matrix asks the evaluator about many connections at once: who may reach what, by what the policies say.
//
// [New] makes the table of the given sources and targets, by default of all pods and their declared ports; pods that no policy can tell apart and
// that have one workload share a row and a column. A range of addresses is judged wherever a policy draws a line in it, so its verdict is that of all
// its addresses. [Matrix.Explain] gives the reasons.
//
// The package renders the table as text and as Markdown. It is pure: it reads no cluster, and says nothing about the wire.
package matrix
