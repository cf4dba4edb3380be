// Package difftest compares the evaluator of package policy with another implementation of the NetworkPolicy semantics: the matcher of
// github.com/mattfenwick/cyclonus. It is a module of its own, so that nobody who builds podknock links the oracle.
//
// Every case is a random cluster with random policies and connections. Both sides must say the same about each, except where the oracle is
// known to be wrong. Each such fault is a Mask: a reason, and a change of the input or of the reading of the answer that makes both sides
// comparable again; a test shows for each that the fault exists.
package difftest
