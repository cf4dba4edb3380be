package strict

import (
	"net/netip"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
)

type colour string

func (colour) Values() []string { return []string{"red", "green"} }

type leaf struct {
	Name    string       `json:"-"`
	Value   string       `json:"value" short:"true"`
	Address netip.Addr   `json:"address,omitempty"`
	Hosts   []netip.Addr `json:"hosts,omitempty" one:"true"`
}

type tree struct {
	Kind   string             `json:"kind,omitempty" want:"Tree"`
	Count  int32              `json:"count,omitempty"`
	Dry    bool               `json:"dry,omitempty"`
	Colour colour             `json:"colour,omitempty"`
	Leaves []leaf             `json:"leaves,omitempty" key:"Name"`
	Labels map[string]*string `json:"labels,omitempty"`
	List   []string           `json:"list,omitempty"`
	Rest   Ignored            `json:"rest,omitempty"`
}

func decodeTree(text string, foreign bool) (tree, []string) {
	roots, problems := Parse([]byte(text))
	decoder := Decoder{Foreign: foreign}
	for _, problem := range problems {
		decoder.ReportAt(problem.Position, problem.Field, "%s", problem.Message)
	}
	var result tree
	for _, root := range roots {
		decoder.Decode(root, "", &result)
	}
	var lines []string
	for _, problem := range decoder.Problems() {
		lines = append(lines, strings.TrimPrefix(problem.Field+": ", ": ")+problem.Message)
	}
	return result, lines
}

func TestDecodeReports(t *testing.T) {
	rows := []struct {
		name, text string
		foreign    bool
		want       string
	}{
		{name: "a list where a mapping belongs", text: "[a]", want: `a list is not a mapping: write keys and values`},
		{name: "a mapping where a list belongs", text: "list: {a: b}", want: `list: a mapping is not a list: write [a, b] or a line with "- " for each`},
		{name: "a list where a text belongs", text: "colour: [red]", want: `colour: a list is not a text: write a single value`},
		{name: "an empty item", text: "list: [a, ]\nleaves: {x: {value: }}", want: `leaves.x.value: the key "value" is missing: add it`},
		{name: "a null in a list", text: "list: [~]", want: `list[0]: the item is empty: fill or remove it`},
		{name: "a number where a text belongs", text: "list: [1]", want: `list[0]: YAML does not take 1 for a text: put it in quotes`},
		{name: "a text where a number belongs", text: `count: "1"`, want: `count: "1" is not a whole number: write one, without quotes`},
		{name: "a number that does not fit", text: "count: 2147483648", want: `count: "2147483648" is not a whole number: write one, without quotes`},
		{name: "a hexadecimal number", text: "count: 0x10", want: `count: "0x10" is not a whole number: write one, without quotes`},
		{name: "a word where a boolean belongs", text: "dry: yes", want: `dry: "yes" is not true or false: write one of them, without quotes`},
		{name: "a value outside a closed set", text: "colour: gren", want: `colour: "gren" is not allowed here: did you mean "green"?`},
		{name: "another value than the only one", text: "kind: Bush", want: `kind: "Bush" is not what is read here: write Tree`},
		{name: "an address with a zone", text: "leaves: {x: {value: v, address: 'fe80::1%eth0'}}",
			want: `leaves.x.address: "fe80::1%eth0" is not an IP address: write one such as 192.0.2.7 or 2001:db8::7`},
		{name: "a word that kubectl takes for a boolean", text: "list: [on]", foreign: true,
			want: `list[0]: YAML does not take on for a text: put it in quotes`},
		{name: "a key that is a list", text: "? [a]\n: b", want: `a key must be a plain word`},
	}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			_, problems := decodeTree(row.text, row.foreign)
			NewWithT(t).Expect(problems).To(Equal([]string{row.want}))
		})
	}
}

func TestDecodeReads(t *testing.T) {
	g := NewWithT(t)
	empty := ""
	result, problems := decodeTree(`
kind: Tree
count: 7
dry: true
colour: red
leaves:
  short: text
  long: {value: v, hosts: 192.0.2.1}
labels: {set: "", gone: ~}
list: &words ["on", plain]
rest: [anything, {at: all}]
`, true)
	g.Expect(problems).To(BeEmpty())
	g.Expect(result).To(Equal(tree{
		Kind: "Tree", Count: 7, Dry: true, Colour: "red",
		Leaves: []leaf{
			{Name: "short", Value: "text"},
			{Name: "long", Value: "v", Hosts: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		},
		Labels: map[string]*string{"set": &empty, "gone": nil},
		List:   []string{"on", "plain"},
	}))
}

func TestAliasesAreCopies(t *testing.T) {
	result, problems := decodeTree("labels: {a: &x here, b: *x}\nlist: [*x]", false)
	g := NewWithT(t)
	g.Expect(problems).To(BeEmpty())
	g.Expect(*result.Labels["b"]).To(Equal("here"))
	g.Expect(result.List).To(Equal([]string{"here"}))
}

func TestPositionsAreThoseOfTheKeyOrOfWhatHoldsIt(t *testing.T) {
	g := NewWithT(t)
	roots, _ := Parse([]byte("list:\n  - a\n  - b\nlabels:\n  x.y/z: v\n"))
	var decoder Decoder
	decoder.Decode(roots[0], "", &tree{})
	for path, want := range map[string]Position{
		"list": {1, 1}, "list[1]": {3, 5}, "list[7]": {1, 1}, "labels[x.y/z]": {5, 3}, "labels.none.deeper": {4, 1}, "nothing": {1, 1},
	} {
		g.Expect(decoder.Position(path)).To(Equal(want), path)
	}
}

func TestNearest(t *testing.T) {
	words := []string{"connected", "refused", "web", "backend", "policyTypes"}
	for word, want := range map[string]string{
		"conected": "connected", "conencted": "connected", "policytypes": "policyTypes", "bakend": "backend", "wbe": "web",
		"": "", "xyz": "", "api": "", "front": "",
	} {
		NewWithT(t).Expect(Nearest(word, words)).To(Equal(want), word)
	}
	NewWithT(t).Expect(Suggest("x", nil)).To(Equal("there is none"))
}

func TestPaths(t *testing.T) {
	g := NewWithT(t)
	g.Expect(Key("", "a")).To(Equal("a"))
	g.Expect(Key("a", "b")).To(Equal("a.b"))
	g.Expect(Key("a", "b.c/d")).To(Equal("a[b.c/d]"))
	g.Expect(parent("a[b.c/d]")).To(Equal("a"))
	g.Expect(parent("a.b[0]")).To(Equal("a.b"))
	g.Expect(parent("a.b")).To(Equal("a"))
	g.Expect(parent("a")).To(Equal(""))
}

// FuzzParse holds that any input ends in trees of bounded size or in problems.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{"a: &x [1, *x]", "? {a: b}\n: c", "---\n...\n--- !!set {a}", "<<: *a", "\t", "a: |\n  b\n", "%YAML 1.1\n---\na"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		roots, _ := Parse(data)
		for _, root := range roots {
			if n := count(root); n > parseLimits.Nodes+parseLimits.Documents {
				t.Errorf("a tree of %d nodes", n)
			}
			var decoder Decoder
			decoder.Decode(root, "", &tree{})
			decoder.Problems()
		}
	})
}

func count(node *Node) int {
	n := 1
	for _, child := range node.Content {
		n += count(child)
	}
	return n
}
