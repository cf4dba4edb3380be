package report

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/runner/report/schema"
	"github.com/podknock/podknock/runner/verify"
)

// TestVerificationsLookAsInTheGoldenFiles renders each sample and compares it byte for byte. `-update` writes the files.
func TestVerificationsLookAsInTheGoldenFiles(t *testing.T) {
	for _, row := range []struct {
		file   string
		report func(*testing.T) *verify.Report
		format Format
	}{
		{"verify-unready.txt", unready, FormatText},
		{"verify-unready.xml", unready, FormatJUnit},
		{"verify-broken.txt", broken, FormatText},
		{"verify-broken.md", broken, FormatMarkdown},
		{"verify-broken.xml", broken, FormatJUnit},
		{"verify-hostile.txt", hostileVerification, FormatText},
		{"verify-hostile.md", hostileVerification, FormatMarkdown},
		{"verify-hostile.xml", hostileVerification, FormatJUnit},
		{"verify-passed.txt", verified, FormatText},
		{"verify-passed.md", verified, FormatMarkdown},
	} {
		t.Run(row.file, func(t *testing.T) {
			g := NewWithT(t)
			var first, second bytes.Buffer
			g.Expect(WriteVerification(&first, row.format, row.report(t), Options{})).To(Succeed())
			g.Expect(WriteVerification(&second, row.format, row.report(t), Options{})).To(Succeed())
			g.Expect(second.String()).To(Equal(first.String()), "the same report gives the same bytes")
			g.Expect(strings.ContainsAny(first.String(), "\x1b\x00\u202e")).To(BeFalse())
			compareWithGolden(t, row.file, first.Bytes())
		})
	}
}

const verificationSchemaFile = "schema/verification.schema.json"

// TestVerificationSchemaIsThatOfTheTypes keeps the committed schema equal to what the types and their comments say. `-update` writes it.
func TestVerificationSchemaIsThatOfTheTypes(t *testing.T) {
	g := NewWithT(t)
	generated := schemaOf(t, reflect.TypeFor[verify.Report](), "verification", "podknock verification", verify.ReportAPIVersion, verify.ReportKind)
	if *update {
		g.Expect(os.WriteFile(verificationSchemaFile, generated, 0o644)).To(Succeed())
	}
	committed, err := os.ReadFile(verificationSchemaFile)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(committed)).To(Equal(string(generated)), "run go test ./runner/report -run Schema -update")
	for _, sample := range []func(*testing.T) *verify.Report{unready, broken, verified, hostileVerification} {
		var out bytes.Buffer
		g.Expect(VerifyJSON(&out, sample(t))).To(Succeed())
		var value any
		g.Expect(json.Unmarshal(out.Bytes(), &value)).To(Succeed())
		g.Expect(validate(t, schema.Verification, value)).To(BeEmpty())
		read, err := verify.ReadReport(out.Bytes())
		g.Expect(err).NotTo(HaveOccurred())
		var again bytes.Buffer
		g.Expect(VerifyJSON(&again, read)).To(Succeed())
		g.Expect(again.String()).To(Equal(out.String()), "a report survives JSON")
	}
}
