// Package conformance holds the scenario schema against an independent JSON Schema validator: every built-in scenario and every example of the
// format's reference has to fit, and files that are wrong in shape must not. It is a module of its own, because the validator is of no use to
// anything else here.
package conformance
