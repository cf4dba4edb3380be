package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios"
)

const repository = "../.."

// readme is the repository's.
func readme(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "README.md"))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return string(text)
}

// sample is a block of code behind the name of the golden file that it shows.
var sample = regexp.MustCompile("(?ms)^<!-- sample: (\\S+) -->\n```\n(.*?)^```$")

// TestSamplesOfTheReadmeAreGoldenFiles keeps the samples equal to what the renderers write. `-update` writes them.
func TestSamplesOfTheReadmeAreGoldenFiles(t *testing.T) {
	g := NewWithT(t)
	text := readme(t)
	golden := func(block string) string {
		name := sample.FindStringSubmatch(block)[1]
		content, err := os.ReadFile(filepath.Join(repository, name))
		g.Expect(err).NotTo(HaveOccurred())
		return "<!-- sample: " + name + " -->\n```\n" + string(content) + "```"
	}
	want := sample.ReplaceAllStringFunc(text, golden)
	if *update {
		g.Expect(os.WriteFile(filepath.Join(repository, "README.md"), []byte(want), 0o644)).To(Succeed())
		text = want
	}
	g.Expect(text).To(Equal(want), "run go test ./cmd/podknock -update")
	g.Expect(sample.FindAllString(text, -1)).To(HaveLen(strings.Count(text, "<!-- sample:")))
}

// codeBlock and commandLine find the commands of ours in blocks of code.
var (
	codeBlock   = regexp.MustCompile("(?ms)^```\n(.*?)^```$")
	commandLine = regexp.MustCompile(`(?m)^(?:bin/)?podknock ([a-z]+)([^\n#]*)`)
	commandSpan = regexp.MustCompile("`podknock ([a-z]+)([^`]*)`")
)

// TestTheReadmeNamesCommandsThatExist checks each command line of the README against the commands and their flags.
func TestTheReadmeNamesCommandsThatExist(t *testing.T) {
	g := NewWithT(t)
	text := readme(t)
	lines := commandSpan.FindAllStringSubmatch(text, -1)
	for _, block := range codeBlock.FindAllStringSubmatch(text, -1) {
		lines = append(lines, commandLine.FindAllStringSubmatch(block[1], -1)...)
	}
	g.Expect(len(lines)).To(BeNumerically(">", 5))
	for _, line := range lines {
		command, _, err := newRootCommand("podknock").Find([]string{line[1]})
		g.Expect(err).NotTo(HaveOccurred(), line[0])
		g.Expect(command.Name()).To(Equal(line[1]))
		for _, word := range strings.Fields(line[2]) {
			if name, isFlag := strings.CutPrefix(word, "--"); isFlag {
				name, _, _ = strings.Cut(name, "=")
				g.Expect(command.Flag(name)).NotTo(BeNil(), "%s of %s", word, line[0])
			}
		}
	}
}

// TestTheReadmeExplainsEveryOutcome looks for the words of the closed sets.
func TestTheReadmeExplainsEveryOutcome(t *testing.T) {
	g := NewWithT(t)
	text := readme(t)
	for _, outcome := range probe.Outcomes() {
		g.Expect(text).To(ContainSubstring("`%s`", outcome))
	}
	for _, word := range []scenarios.Expected{scenarios.Blocked, scenarios.Any} {
		g.Expect(text).To(ContainSubstring("`%s`", word))
	}
}

// link is a relative link to a file.
var link = regexp.MustCompile(`\]\(([^)#:]+)\)`)

// TestTheReadmeLinksToFilesThatExist follows relative links.
func TestTheReadmeLinksToFilesThatExist(t *testing.T) {
	g := NewWithT(t)
	for _, found := range link.FindAllStringSubmatch(readme(t), -1) {
		g.Expect(filepath.Join(repository, found[1])).To(BeARegularFile())
	}
}

// direct is a line of go.mod that requires a module which we import ourselves.
var direct = regexp.MustCompile(`(?m)^\t(\S+) v\S+$`)

// TestContributingHasAReasonForEveryDependency compares the table of dependencies with go.mod.
func TestContributingHasAReasonForEveryDependency(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile(filepath.Join(repository, "CONTRIBUTING.md"))
	g.Expect(err).NotTo(HaveOccurred())
	module, err := os.ReadFile(filepath.Join(repository, "go.mod"))
	g.Expect(err).NotTo(HaveOccurred())
	required := direct.FindAllStringSubmatch(string(module), -1)
	g.Expect(len(required)).To(BeNumerically(">", 10))
	for _, requirement := range required {
		g.Expect(string(text)).To(ContainSubstring("`%s`", requirement[1]))
	}
}
