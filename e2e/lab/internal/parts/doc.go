// Package parts builds the programs that a lab cluster consists of, once, into
// the user's cache. Everything comes from the Go module proxy at the versions
// that the lab's go.mod files name; the key of a build is those files, the
// sources, and the Go version, so that a second build finds the first.
package parts
