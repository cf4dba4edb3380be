//go:build linux

package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/podknock/podknock/probe"
)

// The exit codes that are no outcome.
const (
	exitConnected = 0
	exitDiffer    = 1
	exitUsage     = 2
	exitError     = 3
)

// outcomeCodes gives each outcome its exit code. 3 is for everything that proves nothing.
var outcomeCodes = map[probe.Outcome]int{
	probe.Connected:      exitConnected,
	probe.Error:          exitError,
	probe.Timeout:        10,
	probe.Refused:        11,
	probe.Rejected:       12,
	probe.Reset:          13,
	probe.Closed:         14,
	probe.Stalled:        15,
	probe.Unreachable:    16,
	probe.DNSFailure:     17,
	probe.WrongResponder: 18,
	probe.Unsupported:    19,
}

// resultCode returns the exit code of one result.
func resultCode(r probe.Result) int {
	if r.Inconclusive {
		return exitError
	}
	return outcomeCodes[r.Outcome]
}

// exitCode returns the common code of all results, exitError if one of them proves nothing, and exitDiffer if they
// differ.
func exitCode(results []probe.Result) int {
	code := resultCode(results[0])
	for _, r := range results {
		switch next := resultCode(r); {
		case next == exitError:
			return exitError
		case next != code:
			code = exitDiffer
		}
	}
	return code
}

// exitTable explains the exit codes of knock.
func exitTable() string {
	meanings := map[int]string{
		exitDiffer: "several targets that answered differently",
		exitUsage:  "a mistake in the command line",
		exitError:  "could not ask, or what came proves nothing (inconclusive)",
	}
	for _, o := range probe.Outcomes() {
		if o != probe.Error {
			meanings[outcomeCodes[o]] = string(o)
		}
	}
	lines := []string{"Exit codes:"}
	for _, code := range slices.Sorted(maps.Keys(meanings)) {
		lines = append(lines, fmt.Sprintf("  %2d  %s", code, meanings[code]))
	}
	return strings.Join(lines, "\n")
}
