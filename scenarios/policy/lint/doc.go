// Package lint finds mistakes in NetworkPolicies by looking at objects alone.
//
// [Run] takes an inventory, of files or of a live cluster, and returns findings: each has a rule, a severity, the place, what is wrong and what to do.
// It is a pure function, and the same objects give the same findings in the same order.
//
// A finding rests on what is known. Files need not hold all that a cluster has: "selects nothing" is said only where the pods of the namespace are
// given, and what could not be checked for want of objects is listed instead. What people write on purpose is no finding of severity warning.
//
// Rules lists the rules; README.md has them as a table. What only the wire can tell is no business of this package.
package lint
