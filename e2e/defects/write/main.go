// Program write tries all mutants of the lab on `podknock verify`, and the right engine several times, and writes the table of defects and
// verdicts into e2e/README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/podknock/podknock/e2e/defects"
	"github.com/podknock/podknock/runner/verify"
)

func main() {
	bench := defects.Bench{}
	flag.StringVar(&bench.Lab, "lab", "bin/lab", "the lab's program")
	flag.StringVar(&bench.Podknock, "podknock", "bin/podknock", "the program under test")
	flag.StringVar(&bench.Name, "name", "lab", "the lab, which must be up")
	flag.StringVar(&bench.Keep, "keep", "dist/defects", "the folder for the verifications; an engine that is there already is not verified again")
	flag.BoolVar(&bench.Quick, "quick", false, "verify only the axis that a defect breaks; the table goes to standard output")
	o := order{}
	flag.StringVar(&o.readme, "readme", "", "the file whose table is replaced; none: the table goes to standard output")
	flag.StringVar(&o.only, "only", "", "names of mutants, separated by commas; none: all")
	flag.IntVar(&o.right, "right", 0, "how often the right engine is verified before")
	flag.DurationVar(&o.slice, "for", 0, "how long to go on: the next engine is not begun after this time, and the next call goes on with it; 0: to the end")
	flag.BoolVar(&o.again, "again", false, "verify again the engines whose verdict was wrong")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := o.run(ctx, &bench); err != nil {
		fmt.Fprintln(os.Stderr, "defects:", err)
		os.Exit(1)
	}
}

// order is what to do.
type order struct {
	readme, only string
	right        int
	slice        time.Duration
	again        bool
	begun        time.Time
}

// over tells whether no further engine is begun.
func (o *order) over(ctx context.Context) bool {
	return ctx.Err() != nil || o.slice > 0 && time.Since(o.begun) > o.slice
}

func (o *order) run(ctx context.Context, bench *defects.Bench) error {
	o.begun = time.Now()
	mutants, err := bench.Mutants(ctx)
	if err != nil {
		return err
	}
	if o.only != "" {
		names := strings.Split(o.only, ",")
		mutants = slices.DeleteFunc(mutants, func(m defects.Mutant) bool { return !slices.Contains(names, m.Name) })
	}
	if o.again {
		for _, mutant := range mutants {
			if there, right, err := bench.Kept(mutant); err != nil || there && !right {
				if err = errors.Join(err, bench.Forget(mutant)); err != nil {
					return err
				}
			}
		}
	}
	right, err := o.verifyRight(ctx, bench)
	if err != nil {
		return err
	}
	accused := 0
	for _, report := range right {
		if defects.Accused(report) {
			accused++
		}
	}
	results, left, err := o.tryAll(ctx, bench, mutants)
	if err != nil {
		return err
	}
	left += o.right - len(right)
	// A part of the table would pass for the whole.
	if left > 0 || o.only != "" || bench.Quick {
		o.readme = ""
	}
	if err := o.write(defects.Table(results, right)); err != nil {
		return err
	}
	missed := 0
	for i := range results {
		if results[i].Wrong != "" {
			missed++
		}
	}
	switch {
	case accused > 0:
		return fmt.Errorf("the right engine is accused in %d runs", accused)
	case missed > 0:
		return fmt.Errorf("%d of %d defects are not caught and named", missed, len(results))
	case left > 0:
		return fmt.Errorf("%d verifications are left: go on with the same command", left)
	}
	return nil
}

// tryAll verifies the mutants, and counts those for which there was no time.
func (o *order) tryAll(ctx context.Context, bench *defects.Bench, mutants []defects.Mutant) (results []defects.Result, left int, err error) {
	defer func() {
		// The lab gets the right engine back, whatever happened; a context that has ended must not keep it from that.
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		err = errors.Join(err, bench.Set(ctx, defects.RightEngine))
	}()
	for _, mutant := range mutants {
		there, _, err := bench.Kept(mutant)
		if err != nil {
			return nil, 0, err
		}
		if !there && o.over(ctx) {
			left++
			continue
		}
		result, err := bench.Try(ctx, mutant)
		if err != nil {
			return nil, 0, err
		}
		results = append(results, result)
		verdict := "caught"
		if result.Wrong != "" {
			verdict = result.Wrong
		}
		fmt.Fprintf(os.Stderr, "%-28s %-24s %5.0f s  %s\n", mutant.Name, verdict, result.Elapsed.Seconds(), result.Report.Headline.Text)
	}
	return results, left, nil
}

// verifyRight verifies the right engine again and again.
func (o *order) verifyRight(ctx context.Context, bench *defects.Bench) (reports []*verify.Report, err error) {
	if o.right == 0 {
		return nil, nil
	}
	if err := bench.Set(ctx, defects.RightEngine); err != nil {
		return nil, err
	}
	for i := 1; i <= o.right && !o.over(ctx); i++ {
		report, err := bench.TryRight(ctx, i)
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(os.Stderr, "right engine, run %d of %d: %5.0f s  %s\n", i, o.right, report.Elapsed.Seconds(), report.Headline.Text)
		reports = append(reports, report)
	}
	return reports, nil
}

func (o *order) write(table string) error {
	if o.readme == "" {
		_, err := fmt.Print(table)
		return err
	}
	text, err := os.ReadFile(o.readme)
	if err != nil {
		return err
	}
	replaced, err := defects.Insert(string(text), table)
	if err != nil {
		return fmt.Errorf("%s: %w", o.readme, err)
	}
	return os.WriteFile(o.readme, []byte(replaced), 0o644)
}
