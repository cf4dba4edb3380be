package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// explainFlag names the flag that an unknown one may have meant.
func explainFlag(command *cobra.Command, err error) error {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) || unknown.GetSpecifiedShortnames() != "" {
		return fmt.Errorf("%w: `%s --help` has the flags", err, command.CommandPath())
	}
	name := unknown.GetSpecifiedName()
	best, nearest := "", len(name)/2+1
	command.Flags().VisitAll(func(flag *pflag.Flag) {
		if flag.Hidden {
			return
		}
		if d := distance(name, flag.Name); d < nearest {
			best, nearest = flag.Name, d
		}
	})
	if best == "" {
		return fmt.Errorf("unknown flag --%s: `%s --help` has the flags", name, command.CommandPath())
	}
	return fmt.Errorf("unknown flag --%s: did you mean --%s?", name, best)
}

// distance is how many bytes have to be inserted, deleted, replaced or swapped with their neighbour to make one word of the other (optimal
// string alignment).
func distance(a, b string) int {
	var before, previous []int
	current := make([]int, len(b)+1)
	for j := range current {
		current[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, previous, current = previous, current, make([]int, len(b)+1)
		current[0] = i
		for j := 1; j <= len(b); j++ {
			replace := previous[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			current[j] = min(replace, previous[j]+1, current[j-1]+1)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				current[j] = min(current[j], before[j-2]+1)
			}
		}
	}
	return current[len(b)]
}
