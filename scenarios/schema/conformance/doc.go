// Package conformance holds the scenario schema against an independent JSON Schema validator: every built-in scenario and every example of the
// format's reference has to fit, and files that are wrong in shape must not. By the same validator it holds what `podknock lint` writes against the
// schema of SARIF 2.1.0. It is a module of its own, because the validator is of no use to anything else here.
package conformance
