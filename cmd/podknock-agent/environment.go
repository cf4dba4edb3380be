//go:build linux

package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strings"

	"github.com/podknock/podknock/probe"
)

// tokenVariable is the environment variable of the run's token.
const tokenVariable = "PODKNOCK_TOKEN"

// release is set by the linker.
var release string

// version returns the release, or what the build knows about itself.
func version() string {
	if release != "" {
		return release
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}

// identity reads what the downward API says about the pod.
func identity() probe.Identity {
	return probe.Identity{
		Pod:       os.Getenv("POD_NAME"),
		Namespace: os.Getenv("POD_NAMESPACE"),
		UID:       os.Getenv("POD_UID"),
		Node:      os.Getenv("NODE_NAME"),
	}
}

// readToken returns the run's token from the file, if one is named, or from the environment. It may be empty.
func readToken(file string) (probe.Token, error) {
	if file == "" {
		return probe.Token(os.Getenv(tokenVariable)), nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return "", usageError{fmt.Errorf("read token: %w: name an existing file with -token-file or set %s", err, tokenVariable)}
	}
	token := probe.Token(strings.TrimSpace(string(text)))
	if token == "" {
		return "", usageError{fmt.Errorf("read token: file %q is empty: write the token of the run into it", file)}
	}
	return token, nil
}
