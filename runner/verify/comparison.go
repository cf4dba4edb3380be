package verify

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Comparison is what has changed since another verification.
type Comparison struct {
	// Run and Start are those of the other one.
	Run   string    `json:"run"`
	Start time.Time `json:"start"`
	// Regressions are what has become worse, Improvements what has become better, Changes the rest: each by kind and subject.
	Regressions  []Difference `json:"regressions"`
	Improvements []Difference `json:"improvements"`
	Changes      []Difference `json:"changes"`
}

// DifferenceKind says what has changed.
type DifferenceKind string

// The kinds of differences.
const (
	DifferentAnswer  DifferenceKind = "answer"
	DifferentAxis    DifferenceKind = "axis"
	DifferentNode    DifferenceKind = "node"
	DifferentPath    DifferenceKind = "path"
	DifferentLatency DifferenceKind = "latency"
	DifferentPlugin  DifferenceKind = "plugin"
	DifferentTrait   DifferenceKind = "trait"
)

// Difference is one thing that has changed. What was not there has an empty text.
type Difference struct {
	Kind    DifferenceKind `json:"kind"`
	Subject string         `json:"subject"`
	Old     string         `json:"old"`
	New     string         `json:"new"`
}

// ReadReport reads the JSON of a verification. The error says in a sentence what is wrong with the file.
func ReadReport(data []byte) (*Report, error) {
	var report Report
	err := json.Unmarshal(data, &report)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind) && kind.Field == "":
		return nil, errors.New("it is JSON, but not that of a verification: write one with `podknock verify -o json`")
	case errors.As(err, &kind):
		return nil, fmt.Errorf("its field %s is %s, where a verification has something else: write it anew with `podknock verify -o json`", kind.Field, kind.Value)
	case err != nil && len(data) == 0:
		return nil, errors.New("it is empty: write one with `podknock verify -o json`")
	case err != nil:
		return nil, fmt.Errorf("it is not JSON (%w): write it with `podknock verify -o json`", err)
	case report.Kind != ReportKind && report.Kind != "":
		return nil, fmt.Errorf("its kind is %q, not %s: write it with `podknock verify -o json`", report.Kind, ReportKind)
	case report.Kind == "":
		return nil, errors.New("it has no kind, so that it is no verification: write one with `podknock verify -o json`")
	case report.APIVersion != ReportAPIVersion:
		return nil, fmt.Errorf("its apiVersion is %q, and this podknock reads %s: write it anew with this podknock", report.APIVersion, ReportAPIVersion)
	}
	return &report, nil
}
