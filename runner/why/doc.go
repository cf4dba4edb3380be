// Package why asks a cluster why a connection is as it is: it finds what the words of a question mean, puts probe pods beside the real ones,
// asks the wire in several ways at once, asks the policies, and hands the evidence to package diagnose.
//
// # Guarantees
//
//   - Nothing is created before it was shown and agreed to, and nothing at all for a static question.
//   - A probe pod carries only labels that were found safe by package identity, is never Ready, and is checked as the API server would make it
//     before it is created, and again as it was made.
//   - Real pods are met with bare connects: they get no application data, unless a path for HTTP was given.
//   - Everything that was created is removed on every way out that the process survives, and what is left is named.
//
// # Non-goals
//
// The package does not speak to Kubernetes itself: [Cluster] is what it needs, and package runner/cluster has it.
package why
