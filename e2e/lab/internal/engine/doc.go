// Package engine is a NetworkPolicy engine with one defect chosen from the
// catalogue in package mutants. It evaluates policies with the packages of
// kube-network-policies; a defect alters what the engine sees of the API
// before they do, or what becomes of their verdict.
//
// Without a defect it enforces what kube-network-policies enforces, with one
// difference: each node judges the egress of its own pods and the ingress of
// its own pods, as most engines do, so that what goes wrong on one node shows
// there. It takes the first packet of every forwarded connection from a
// netfilter queue that the lab's own rule fills.
package engine
