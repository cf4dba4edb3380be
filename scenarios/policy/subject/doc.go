// Package subject reads how people name the ends of a connection, and finds what they mean among the objects of a cluster.
//
// A reference is one of
//
//	NAMESPACE/POD                 a pod
//	NAMESPACE/KIND/NAME           the pods of a workload: deploy, sts, ds, job, cronjob, rs, rc, by any of kubectl's names
//	NAMESPACE/LABEL=VALUE[,...]   the pods with these labels; anything that kubectl takes for -l
//	svc/NAMESPACE/NAME            a Service
//	node/NAME                     a node
//	ADDRESS, CIDR                 an IP address, or every address of a range
//	NAME.WITH.DOTS                a DNS name
//
// With a default namespace, POD, pod/NAME, KIND/NAME and svc/NAME are of that namespace. A target is a reference followed by :PORT or :PORT/PROTOCOL, where
// PORT is a number or the name of a port; an IPv6 address or range stands in brackets then.
//
// Finding needs no more than the snapshot of a [policy.Cluster]: workloads are known by the owners of their pods. Everything is a pure function of
// its arguments. DNS names are parsed and not resolved: that is a question to a wire.
package subject
