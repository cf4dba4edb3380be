// Package host finds out whether this machine can carry a lab, and installs
// what Debian packages it lacks.
package host
