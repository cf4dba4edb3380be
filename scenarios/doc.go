// Package scenarios says what should happen: which pods there are, which policies come and go, and what every knock should find.
//
// A [Scenario] is one YAML file (README.md beside this file is the format's reference). A [Loader] reads it strictly: an unknown key, a
// name that nobody declared or a policy that the API server would reject is a [Problem] with file, line and field, and a file's problems
// come all at once. [Expand] then turns the scenario into a flat list of [Cell] values for each step, and [Naming] into the API objects
// that a run creates. [Loader.Find] finds scenarios by name, suite, file or directory; [Library] lists the built-in ones.
//
// # Guarantees
//
//   - Nothing here talks to a cluster. All but the reading of files is a pure function of its arguments, and the same input gives the same
//     result in the same order.
//   - A step without an expectation is an error, and so is a cell whose expectation nobody stated after policies came into force.
//   - Every cell that should fail has a [Control]: a cell that should succeed over the same path. Where the author gave none, a step is added.
//   - The names that a scenario uses are its own. In a cluster its namespaces get unique names ([Naming]); policies follow, so that two runs
//     never meet. Nothing is ever applied to a namespace that the scenario does not own.
//   - Loading never panics, whatever the file holds, and takes bounded time and memory.
//
// # Non-goals
//
// The package does not know images, security contexts or anything else of a pod that no policy can see: those are the runner's. It does not
// compare expectations with the wire. What policies mean is the business of package scenarios/policy.
package scenarios
