// Package report renders a [runner.Report]: for a person (text), for programs (JSON), for build servers (JUnit), for the summary of a build
// step (Markdown); and shows on standard error how far a run is ([Progress]).
//
// # Guarantees
//
//   - The same report and style give the same bytes: nothing but [Progress] reads a clock.
//   - Nothing that a cluster or a file calls itself, and no error message, reaches a terminal with a control character in it, closes a JUnit
//     element or starts Markdown of its own. What does not print is spelled as Go spells it: \n, \x1b, \u202e.
//   - Colour comes only where the [Style] says so, and never carries anything that the text does not say too.
//   - A run that failed before it had a cell is rendered like any other, with its reason.
//
// # Non-goals
//
// The package judges nothing: marks, counts and explanations are the report's.
//
// To add a format: write a file with one function of the form of [Text], give it a [Format], and add golden files to its test.
package report
