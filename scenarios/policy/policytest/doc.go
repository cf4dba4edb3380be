// Package policytest makes random clusters, NetworkPolicies and queries for tests of package policy and of whatever must agree with it.
//
// The vocabulary is small (two or three labels, values, ports and address ranges), so that selectors match about as often as not and every
// branch of the semantics is met within a few hundred cases. Everything comes from the generator passed in: the same seed gives the same case.
// Policies are valid: the API server would accept them. Breaking them is what Break is for.
package policytest
