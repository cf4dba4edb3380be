package main

import (
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
