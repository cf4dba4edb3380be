// Package wirebed builds a small routed network for tests out of network namespaces:
//
//	client --- node1 --- node2 --- server
//
// with an IPv4 and an IPv6 address on every link and no way out. Tests put filter rules, sysctls and listeners where
// they want them, and run probes in the client's namespace as a user without capabilities.
//
// The namespaces have no names: they live as long as the process that made them, and a crash leaves nothing behind.
// Building one needs root, iproute2 and nftables.
package wirebed
