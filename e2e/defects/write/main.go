// Program write tries all mutants of the lab on `podknock verify`, and the right engine several times, and writes the table of defects and
// verdicts into e2e/README.md.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"

	"github.com/podknock/podknock/e2e/defects"
	"github.com/podknock/podknock/runner/verify"
)

func main() {
	bench := defects.Bench{}
	flag.StringVar(&bench.Lab, "lab", "bin/lab", "the lab's program")
	flag.StringVar(&bench.Podknock, "podknock", "bin/podknock", "the program under test")
	flag.StringVar(&bench.Name, "name", "lab", "the lab, which must be up")
	readme := flag.String("readme", "", "the file whose table is replaced; none: the table goes to standard output")
	only := flag.String("only", "", "names of mutants, separated by commas; none: all")
	right := flag.Int("right", 0, "how often the right engine is verified before")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, &bench, *readme, *only, *right); err != nil {
		fmt.Fprintln(os.Stderr, "defects:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, bench *defects.Bench, readme, only string, right int) error {
	mutants, err := bench.Mutants(ctx)
	if err != nil {
		return err
	}
	if only != "" {
		names := strings.Split(only, ",")
		mutants = slices.DeleteFunc(mutants, func(m defects.Mutant) bool { return !slices.Contains(names, m.Name) })
	}
	if err := accusations(ctx, bench, right); err != nil {
		return err
	}
	var results []defects.Result
	missed := 0
	for _, mutant := range mutants {
		result, err := bench.Try(ctx, mutant)
		if err != nil {
			return err
		}
		results = append(results, result)
		verdict := "caught"
		if result.Wrong != "" {
			missed++
			verdict = result.Wrong
		}
		fmt.Fprintf(os.Stderr, "%-28s %-24s %5.0f s  %s\n", mutant.Name, verdict, result.Elapsed.Seconds(), result.Report.Headline.Text)
	}
	if err := bench.Set(ctx, defects.RightEngine); err != nil {
		return err
	}
	if err := write(readme, defects.Table(results)); err != nil {
		return err
	}
	if missed > 0 {
		return fmt.Errorf("%d of %d defects are not caught and named", missed, len(results))
	}
	return nil
}

// accusations verifies the right engine again and again. It fails at the first accusation.
func accusations(ctx context.Context, bench *defects.Bench, runs int) error {
	if runs == 0 {
		return nil
	}
	if err := bench.Set(ctx, defects.RightEngine); err != nil {
		return err
	}
	for i := range runs {
		report, err := bench.Verify(ctx)
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "right engine, run %d of %d: %s\n", i+1, runs, report.Headline.Text)
		if report.Headline.Conclusion != verify.ConcludedEnforced {
			return fmt.Errorf("run %d accuses the right engine: %s", i+1, report.Headline.Text)
		}
	}
	return nil
}

func write(readme, table string) error {
	if readme == "" {
		_, err := fmt.Print(table)
		return err
	}
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	replaced, err := defects.Insert(string(text), table)
	if err != nil {
		return fmt.Errorf("%s: %w", readme, err)
	}
	return os.WriteFile(readme, []byte(replaced), 0o644)
}
