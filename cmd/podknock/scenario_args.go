package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/podknock/podknock/scenarios"
)

// completeScenarios offers suites, scenarios of the library, and files.
func completeScenarios(_ *cobra.Command, arguments []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
	library, err := scenarios.Library()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	taken := map[string]bool{}
	for _, argument := range arguments {
		taken[argument] = true
	}
	var words []cobra.Completion
	for _, entry := range library {
		for _, word := range []string{entry.Suite, entry.Name} {
			if !taken[word] && strings.HasPrefix(word, begun) {
				taken[word] = true
				words = append(words, word)
			}
		}
	}
	return words, cobra.ShellCompDirectiveDefault
}

// someScenario wants one argument at least.
func someScenario(command *cobra.Command, arguments []string) error {
	if len(arguments) == 0 {
		return fmt.Errorf("%s: name a scenario, a suite, a file or a directory: `podknock list` has the built-in ones", command.Name())
	}
	return nil
}
