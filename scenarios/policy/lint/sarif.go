package lint

import (
	"crypto/sha256"
	"fmt"
	"net/url"
	"path/filepath"
)

// The version and the schema of SARIF (OASIS Static Analysis Results Interchange Format), which code hosts show in pull requests.
const (
	sarifVersion = "2.1.0"
	sarifSchema  = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

// SARIF is a log with one run.
type SARIF struct {
	Schema  string     `json:"$schema"`
	Version string     `json:"version"`
	Runs    []sarifRun `json:"runs"`
}

type sarifRun struct {
	Tool       sarifTool     `json:"tool"`
	ColumnKind string        `json:"columnKind"`
	Results    []sarifResult `json:"results"`
}

type sarifTool struct {
	Driver sarifDriver `json:"driver"`
}

type sarifDriver struct {
	Name    string      `json:"name"`
	Version string      `json:"version"`
	Rules   []sarifRule `json:"rules"`
}

type sarifRule struct {
	ID            string       `json:"id"`
	Short         sarifText    `json:"shortDescription"`
	Full          sarifText    `json:"fullDescription"`
	Configuration sarifDefault `json:"defaultConfiguration"`
}

type sarifDefault struct {
	Level Severity `json:"level"`
}

type sarifText struct {
	Text string `json:"text"`
}

type sarifResult struct {
	RuleID       string            `json:"ruleId"`
	RuleIndex    int               `json:"ruleIndex"`
	Level        Severity          `json:"level"`
	Message      sarifText         `json:"message"`
	Locations    []sarifLocation   `json:"locations"`
	Fingerprints map[string]string `json:"partialFingerprints"`
}

type sarifLocation struct {
	Physical *sarifPhysical `json:"physicalLocation,omitempty"`
	Logical  []sarifLogical `json:"logicalLocations"`
}

type sarifPhysical struct {
	Artifact sarifArtifact `json:"artifactLocation"`
	Region   *sarifRegion  `json:"region,omitempty"`
}

type sarifArtifact struct {
	URI string `json:"uri"`
}

type sarifRegion struct {
	StartLine   int `json:"startLine"`
	StartColumn int `json:"startColumn"`
}

type sarifLogical struct {
	FullyQualifiedName string `json:"fullyQualifiedName"`
	Kind               string `json:"kind"`
}

// NewSARIF is a report as SARIF; the version is that of the program. The severities are SARIF's levels.
func NewSARIF(report *Report, version string) SARIF {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{Name: "podknock", Version: version}}, ColumnKind: "unicodeCodePoints", Results: []sarifResult{},
	}
	indexes := map[string]int{}
	for i, one := range rules {
		indexes[one.ID] = i
		run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, sarifRule{
			ID: one.ID, Short: sarifText{one.About}, Full: sarifText{one.About + " " + one.Why}, Configuration: sarifDefault{one.Severity},
		})
	}
	for i := range report.Findings {
		finding := &report.Findings[i]
		run.Results = append(run.Results, sarifResult{
			RuleID: finding.Rule, RuleIndex: indexes[finding.Rule], Level: finding.Severity,
			Message:   sarifText{finding.What + " " + finding.Do},
			Locations: []sarifLocation{sarifLocationOf(finding)},
			// The same finding keeps its fingerprint when lines move.
			Fingerprints: map[string]string{"podknock/v1": fingerprint(finding)},
		})
	}
	return SARIF{Schema: sarifSchema, Version: sarifVersion, Runs: []sarifRun{run}}
}

func sarifLocationOf(finding *Finding) sarifLocation {
	name := heading(finding)
	if finding.Field != "" {
		name += " " + finding.Field
	}
	location := sarifLocation{Logical: []sarifLogical{{FullyQualifiedName: name, Kind: "resource"}}}
	if at := finding.Position; at != nil && at.File != "" && at.File != "-" {
		location.Physical = &sarifPhysical{Artifact: sarifArtifact{URI: fileURI(at.File)}}
		if at.Line > 0 {
			location.Physical.Region = &sarifRegion{StartLine: at.Line, StartColumn: max(at.Column, 1)}
		}
	}
	return location
}

// fileURI is a path as a URI reference, relative if the path is.
func fileURI(path string) string {
	path = filepath.ToSlash(path)
	if filepath.IsAbs(path) {
		return (&url.URL{Scheme: "file", Path: path}).String()
	}
	return (&url.URL{Path: path}).String()
}

func fingerprint(finding *Finding) string {
	sum := sha256.Sum256([]byte(finding.Rule + "\n" + finding.Object.String() + "\n" + finding.Field))
	return fmt.Sprintf("%x", sum[:16])
}
