package matrix

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/inventory"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// Options say what is asked. The zero value asks about every pod and every declared port.
type Options struct {
	// From are the sources and To the targets; all pods if empty.
	From []subject.Reference
	To   []subject.Target
	// Namespace bounds the pods that stand for an empty From or To. Empty means all.
	Namespace string
	// Family is that of the addresses; empty leaves it to the ends.
	Family corev1.IPFamily
}

// Row is a source.
type Row struct {
	// Name is how the source is called: NAMESPACE/POD, NAMESPACE/deploy/NAME, an address or a range.
	Name string `json:"name"`
	party
}

// Column is a target and its port.
type Column struct {
	// Name is how the target is called, with its port.
	Name     string          `json:"name"`
	Port     int32           `json:"port"`
	Protocol corev1.Protocol `json:"protocol"`
	// Guessed says that the pod declares no port and this one was taken to have something to ask about.
	Guessed bool `json:"guessed,omitempty"`
	party
}

// Cell is the verdict on one connection.
type Cell struct {
	Verdict policy.Verdict `json:"verdict,omitempty"`
	// Doubts say what a verdict that depends depends on.
	Doubts []policy.Doubt `json:"doubts,omitempty"`
	// Parts are the places of a range from which on another verdict holds, if not all of it has the same one.
	Parts []Part `json:"parts,omitempty"`
	// Self says that source and target are one pod. A workload with itself is judged between two of its pods.
	Self bool `json:"self,omitempty"`
	// Error says why there is no verdict: the ends have no IP family in common, for example.
	Error string `json:"error,omitempty"`
}

// Part is the beginning of a part of a range that has one verdict.
type Part struct {
	From    string         `json:"from"`
	To      string         `json:"to"`
	Verdict policy.Verdict `json:"verdict"`
}

// Matrix is the table: a row for each source, a column for each target.
type Matrix struct {
	Rows    []Row    `json:"rows"`
	Columns []Column `json:"columns"`
	// Cells are by row and column.
	Cells [][]Cell `json:"cells"`

	evaluator *policy.Evaluator
	// among also knows a second pod of each workload. Services must not find it behind them.
	among   *policy.Evaluator
	objects *inventory.Inventory
	family  corev1.IPFamily
	lines   lines
	// twins are other pods of the same workload, by the one that has the row.
	twins map[party]party
}

// New judges every source and target. The error says that a reference means nothing, or that the objects contradict each other.
func New(objects *inventory.Inventory, options Options) (*Matrix, error) {
	groups := newGroups(&objects.Cluster)
	evaluator, err := policy.Compile(objects.Cluster)
	if err != nil {
		return nil, err
	}
	among, err := policy.Compile(groups.withTwins(objects.Cluster))
	if err != nil {
		return nil, err
	}
	m := &Matrix{
		evaluator: evaluator, among: among, objects: objects, family: options.Family, lines: newLines(objects.Cluster.Policies),
		twins: groups.twins,
	}
	if m.Rows, err = m.rows(groups, options); err != nil {
		return nil, err
	}
	if m.Columns, err = m.columns(groups, options); err != nil {
		return nil, err
	}
	for i := range m.Rows {
		cells := make([]Cell, len(m.Columns))
		for j := range m.Columns {
			cells[j] = m.cell(&m.Rows[i], &m.Columns[j])
		}
		m.Cells = append(m.Cells, cells)
	}
	return m, nil
}

// Met reports whether every cell has the verdict; those of a pod with itself do not count. A matrix without a cell meets nothing.
func (m *Matrix) Met(wanted policy.Verdict) bool {
	judged := 0
	for i := range m.Cells {
		for j := range m.Cells[i] {
			cell := &m.Cells[i][j]
			if cell.Self {
				continue
			}
			if judged++; cell.Verdict != wanted {
				return false
			}
		}
	}
	return judged > 0
}

func (m *Matrix) rows(groups *groups, options Options) ([]Row, error) {
	var rows []Row
	if len(options.From) == 0 {
		for _, group := range groups.within(options.Namespace) {
			rows = append(rows, Row{Name: group.name, party: podParty(group.pod)})
		}
		return rows, nil
	}
	for _, reference := range options.From {
		parties, names, err := m.parties(groups, reference)
		if err != nil {
			return nil, fmt.Errorf("source %s: %w", reference, err)
		}
		for i := range parties {
			rows = append(rows, Row{Name: names[i], party: parties[i]})
		}
	}
	return slices.CompactFunc(rows, func(a, b Row) bool { return a.party == b.party }), nil
}

func (m *Matrix) columns(groups *groups, options Options) ([]Column, error) {
	var columns []Column
	if len(options.To) == 0 {
		for _, group := range groups.within(options.Namespace) {
			columns = append(columns, columnsOf(group.name, podParty(group.pod), subject.Target{}, podPorts(group.pod))...)
		}
		return columns, nil
	}
	for _, target := range options.To {
		parties, names, err := m.parties(groups, target.Reference)
		if err != nil {
			return nil, fmt.Errorf("target %s: %w", target, err)
		}
		for i := range parties {
			found := columnsOf(names[i], parties[i], target, m.portsOf(parties[i]))
			if len(found) == 0 {
				return nil, fmt.Errorf("target %s: %s has no port %s", target, names[i], target.PortName)
			}
			columns = append(columns, found...)
		}
	}
	return columns, nil
}

func (m *Matrix) cell(row *Row, column *Column) Cell {
	query := m.query(row, column)
	cell := Cell{Self: row.party == column.party && query.From == query.To}
	if row.within.IsValid() || column.within.IsValid() {
		m.judgeRange(&cell, row, column, query)
		return cell
	}
	evaluator := m.judgeOf(row, column)
	verdict, err := evaluator.Verdict(query)
	if err != nil {
		cell.Error = err.Error()
		return cell
	}
	cell.Verdict = verdict
	if verdict == policy.Depends {
		if explanation, err := evaluator.Explain(query); err == nil {
			cell.Doubts = explanation.Doubts
		}
	}
	return cell
}

// query is what a cell asks; the address of a range is still to be filled in.
func (m *Matrix) query(row *Row, column *Column) policy.Query {
	query := policy.Query{From: row.endpoint, To: column.endpoint, Port: column.Port, Protocol: column.Protocol, Family: m.family}
	if twin, ok := m.twins[row.party]; ok && row.party == column.party {
		query.To = twin.endpoint
	}
	return query
}

// Explain gives the reasons of a cell; of a range, those of its first address.
func (m *Matrix) Explain(row, column int) (policy.Explanation, error) {
	query := m.query(&m.Rows[row], &m.Columns[column])
	if within := m.Rows[row].within; within.IsValid() {
		query.From = policy.Address(within.Addr())
	}
	if within := m.Columns[column].within; within.IsValid() {
		query.To = policy.Address(within.Addr())
	}
	return m.judgeOf(&m.Rows[row], &m.Columns[column]).Explain(query)
}

// judgeOf is the evaluator that knows both ends of a cell.
func (m *Matrix) judgeOf(row *Row, column *Column) *policy.Evaluator {
	if row.party == column.party {
		return m.among
	}
	return m.evaluator
}
