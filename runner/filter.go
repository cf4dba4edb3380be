package runner

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/podknock/podknock/scenarios"
)

// Filter picks cells: STEP/FROM/TO, each of which may be "*". STEP is the number of a step from 1 or its name. TO is a target as a file has
// it, such as mysql, mysql:3306, mysql:3306/TCP or mysql:3306/TCP/IPv4.
type Filter struct {
	Step, From, To string
}

// ParseFilter reads a Filter. A part that is left out means all.
func ParseFilter(text string) (Filter, error) {
	parts := strings.SplitN(text, "/", 3)
	if len(parts) < 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return Filter{}, fmt.Errorf("cells %q: write STEP/FROM/TO, such as 2/web/mysql:3306 or '*/web/*'", text)
	}
	return Filter{Step: parts[0], From: parts[1], To: parts[2]}, nil
}

// String is the filter as ParseFilter reads it.
func (f Filter) String() string { return f.Step + "/" + f.From + "/" + f.To }

// matches tells whether the filter picks the cell of a step, whose index counts from 0.
func (f Filter) matches(step int, name string, cell scenarios.Cell) bool {
	if f.Step != "*" && f.Step != strconv.Itoa(step+1) && f.Step != name {
		return false
	}
	if f.From != "*" && f.From != cell.From.String() {
		return false
	}
	if f.To == "*" {
		return true
	}
	to := cell.To.String()
	if f.To == to {
		return true
	}
	if cell.Port != 0 {
		to += ":" + strconv.Itoa(int(cell.Port))
	}
	withProtocol := to + "/" + string(cell.Protocol)
	return f.To == to || f.To == withProtocol || f.To == withProtocol+"/"+string(cell.Family)
}

// filterOf is the filter that picks just this cell.
func filterOf(step int, cell scenarios.Cell) string {
	to := cell.To.String()
	if cell.Port != 0 {
		to += ":" + strconv.Itoa(int(cell.Port))
	}
	return Filter{
		Step: strconv.Itoa(step + 1), From: cell.From.String(), To: fmt.Sprintf("%s/%s/%s", to, cell.Protocol, cell.Family),
	}.String()
}

// selection are the indexes of the cells to ask in each step: those that a filter picks, and the controls of these. Cells from outside the
// cluster are never among them, because nothing of ours is there to knock.
func selection(expansion *scenarios.Expansion, filters []Filter) [][]int {
	wanted := make([]map[int]bool, len(expansion.Steps))
	for i := range wanted {
		wanted[i] = map[int]bool{}
	}
	for i := range expansion.Steps {
		step := &expansion.Steps[i]
		for j, cell := range step.Cells {
			picked := len(filters) == 0
			for _, filter := range filters {
				picked = picked || filter.matches(i, step.Name, cell)
			}
			if !picked || !canAsk(cell) {
				continue
			}
			wanted[i][j] = true
			if cell.Control != nil {
				wanted[cell.Control.Step][cell.Control.Cell] = true
			}
		}
	}
	selected := make([][]int, len(wanted))
	for i := range wanted {
		for j := range expansion.Steps[i].Cells {
			if wanted[i][j] {
				selected[i] = append(selected[i], j)
			}
		}
	}
	return selected
}

// canAsk tells whether something of ours can be where a cell comes from.
func canAsk(cell scenarios.Cell) bool { return cell.From.Kind == scenarios.EndpointPod }

// shellWord quotes a word for a shell where it has to be.
func shellWord(word string) string {
	if strings.IndexFunc(word, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:=,@%+", r))
	}) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(word, "'", `'\''`) + "'"
}
