package scenarios

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

var (
	yamlBlock  = regexp.MustCompile("(?ms)^```yaml\n(.*?)^```$")
	fileMarker = regexp.MustCompile(`^# file: (\S+)\n`)
)

// TestExamplesOfTheReadmeLoad loads each example. A block that begins with "# file:" is a policy file that examples may name.
func TestExamplesOfTheReadmeLoad(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("README.md")
	g.Expect(err).NotTo(HaveOccurred())
	files, examples := map[string][]byte{}, []string{}
	for _, block := range yamlBlock.FindAllStringSubmatch(string(text), -1) {
		if marker := fileMarker.FindStringSubmatch(block[1]); marker != nil {
			files[marker[1]] = []byte(block[1])
			continue
		}
		examples = append(examples, block[1])
	}
	g.Expect(len(examples)).To(Equal(strings.Count(string(text), "\nkind: Scenario\n")), "each scenario stands in a block")
	loader := Loader{ReadFile: func(name string) ([]byte, error) {
		if data, ok := files[name]; ok {
			return data, nil
		}
		return nil, os.ErrNotExist
	}}
	for i, example := range examples {
		t.Run(fmt.Sprintf("example %d", i+1), func(t *testing.T) {
			g := NewWithT(t)
			scenario, err := loader.Parse("README.md", []byte(example))
			g.Expect(err).NotTo(HaveOccurred())
			checkAgreement(t, scenario)
		})
	}
}
