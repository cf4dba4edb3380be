// Package generate writes scenarios that prove NetworkPolicies on the wire.
//
// [From] takes a policy and makes the smallest topology in which it shows what it does: a pod that it selects, for each rule a pair that the rule
// admits, and pods that miss it by one term each: another label, another namespace, the port beside the range, the other protocol. Labels and names
// of namespaces are found by solving the selectors. What is admitted and what is not is stated cell by cell; each blocked cell has its control by the
// scenario's own means. ipBlocks of egress rules become a scenario of their own, with external hosts.
//
// A scenario holds one policy alone: what it means together with others is the business of the evaluator. What cannot be proven this way is listed,
// never left out silently.
//
// The same policy gives the same bytes. Everything is a pure function of its arguments.
package generate
