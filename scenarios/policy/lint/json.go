package lint

// APIVersion and Kind are those of a report as JSON.
const (
	APIVersion = "podknock.dev/v1alpha1"
	Kind       = "LintReport"
)

// Document is a report as JSON. Findings are in the order of the text; keys are added in later versions, never changed.
type Document struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Report
	// Summary counts the findings by severity.
	Summary map[Severity]int `json:"summary"`
}

// NewDocument is a report as it is encoded.
func NewDocument(report *Report) Document {
	document := Document{APIVersion: APIVersion, Kind: Kind, Report: *report, Summary: map[Severity]int{}}
	for _, severity := range Severities() {
		document.Summary[severity] = report.Count(severity)
	}
	return document
}
