// Package defects tries the verifier on engines that are wrong on purpose: it puts each of the lab's mutants into a running lab, runs
// `podknock verify`, and says whether the headline names the defect and nothing else. Program write makes the table of e2e/README.md of it.
package defects
