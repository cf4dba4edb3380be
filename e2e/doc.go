// Package e2e holds the end-to-end tests: specs that run on a real cluster,
// the lab of e2e/lab unless another is named. They have the build tag e2e,
// because they need what no unit test does:
//
//	make e2e                                         # on a lab of their own
//	make e2e E2E_FLAGS='-kubeconfig ~/.kube/config'  # on any cluster
//
// Specs about the lab itself have the label lab and are left out on another
// cluster. Specs that take minutes have the label full; `make test` leaves
// them out and `make test-full` runs them.
package e2e
