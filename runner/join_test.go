package runner

import (
	"testing"

	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/probe"
)

func TestAQuestionForEvidenceNamesAllPortsOfItsCells(t *testing.T) {
	for name, row := range map[string]struct {
		ports []int // of each cell
		sizes []int // of the questions
	}{
		"nothing to ask":                        {nil, nil},
		"a cell without a port takes one place": {[]int{0, 0}, []int{2}},
		"cells that fill a question":            {[]int{probe.MaxQuestion - 1, 1, 1}, []int{2, 1}},
		"a cell that no longer fits":            {[]int{probe.MaxQuestion - 1, 2}, []int{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			answers := make(table, len(row.ports))
			var cells []int
			for i, count := range row.ports {
				answers[i].result.Ports = make([]uint16, count)
				cells = append(cells, i)
			}
			var sizes []int
			var asked []int
			for _, part := range questionsOf(cells, answers) {
				sizes, asked = append(sizes, len(part)), append(asked, part...)
			}
			g.Expect(sizes).To(Equal(row.sizes))
			g.Expect(asked).To(Equal(cells))
		})
	}
}
