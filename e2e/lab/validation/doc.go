// Package validation compares podknock's rules for NetworkPolicies with those of the API server that the lab runs. It is in the lab's module
// because the API server's code is: nothing of it is linked into podknock. Test code only.
package validation
