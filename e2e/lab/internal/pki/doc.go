// Package pki makes the certificates of a lab cluster: one authority, and a
// key pair for every component that proves who it is. Names and groups follow
// "PKI certificates and requirements" of the Kubernetes documentation, so
// that Node and RBAC authorization treat the lab as they treat any cluster.
package pki
