package inventory

import (
	"bytes"
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// limits bound one document of a file. A dump of a large cluster is one List.
var limits = strict.Limits{Bytes: MaxBytes, Documents: 2, Nodes: 4_000_000}

// MaxBytes bounds a file.
const MaxBytes = 64 << 20

// Reader collects objects from files. The zero value is ready.
type Reader struct {
	// Namespace is that of objects that name none; empty means default, as with kubectl.
	Namespace string

	inventory Inventory
	problems  Problems
	objects   int
}

// Read adds the objects of a file. Its name stands in positions. Faults are kept, see [Reader.Inventory].
func (r *Reader) Read(file string, data []byte) {
	if len(data) > MaxBytes {
		r.problems = append(r.problems, fileProblem(file, "the file has %d bytes: at most %d are read", len(data), MaxBytes))
		return
	}
	for _, chunk := range split(data) {
		if kind := kindOf(chunk.text); kind != "" && !r.wants(kind) {
			r.ignore(kind)
			continue
		}
		r.readChunk(file, chunk)
	}
}

// Inventory is what was read. The problems are faults of objects that matter here, in the order of the files; the objects are left out of the
// inventory, but for policies in which just a field was unreadable. A problem without an object means that a part of a file is unreadable.
func (r *Reader) Inventory() (*Inventory, Problems) {
	inventory := r.inventory
	inventory.complete()
	problems := slices.Clone(r.problems)
	problems.sort()
	return &inventory, problems
}

// Objects counts what was read so far, of all kinds.
func (r *Reader) Objects() int { return r.objects }

// chunk is the text of one document and the number of lines before it.
type chunk struct {
	text   []byte
	offset int
}

// split cuts a file at the lines that begin a document. YAML has them at the start of a line only, in block scalars too (YAML 1.2, 9.1.2).
func split(data []byte) []chunk {
	var chunks []chunk
	start, startLine, line := 0, 0, 0
	for at := 0; at < len(data); {
		end := bytes.IndexByte(data[at:], '\n')
		next := len(data)
		if end >= 0 {
			next = at + end + 1
		}
		if at > start && opensDocument(data[at:next]) {
			chunks = append(chunks, chunk{data[start:at], startLine})
			start, startLine = at, line
		}
		at = next
		line++
	}
	return append(chunks, chunk{data[start:], startLine})
}

func opensDocument(line []byte) bool {
	return bytes.HasPrefix(line, []byte("---")) && (len(line) == 3 || line[3] == '\n' || line[3] == '\r' || line[3] == ' ' || line[3] == '\t')
}

var kindLine = regexp.MustCompile(`(?m)^kind:[ \t]*["']?([A-Za-z]+)["']?[ \t]*(?:#.*)?\r?$`)

// kindOf finds the kind of a document in block style without parsing it; empty if that needs parsing.
func kindOf(text []byte) string {
	if found := kindLine.FindSubmatch(text); found != nil {
		return string(found[1])
	}
	return ""
}

func (r *Reader) wants(kind string) bool {
	_, known := decoders[kind]
	return known || strings.HasSuffix(kind, "List") || foreignKinds[kind] != nil
}

func (r *Reader) ignore(kind string) {
	r.objects++
	if r.inventory.Ignored == nil {
		r.inventory.Ignored = map[string]int{}
	}
	r.inventory.Ignored[kind]++
}

func (r *Reader) readChunk(file string, c chunk) {
	roots, problems := limits.Parse(c.text)
	for _, problem := range problems {
		r.problems = append(r.problems, newProblem(file, c.offset, Ref{}, problem))
	}
	if len(problems) > 0 {
		return
	}
	for _, root := range roots {
		r.readNode(entry{node: root, file: file, offset: c.offset}, "")
	}
}

// entry is one object's node and where it stands.
type entry struct {
	node   *strict.Node
	file   string
	prefix string
	offset int
}

// readNode reads an object or the items of a List. The kind is that of items of a typed List, which have none of their own.
func (r *Reader) readNode(e entry, kind string) {
	if scalar(e.node, "kind") != "" {
		kind = scalar(e.node, "kind")
	}
	if items := child(e.node, "items"); items != nil && strings.HasSuffix(kind, "List") {
		of := strings.TrimSuffix(kind, "List")
		for i, item := range items.Content {
			r.readNode(entry{item, e.file, strict.Index(join(e.prefix, "items"), i), e.offset}, of)
		}
		return
	}
	apiVersion := scalar(e.node, "apiVersion")
	switch decode, known := decoders[kind]; {
	case kind == "":
		at := strict.Position{Line: e.node.Line, Column: e.node.Column}
		r.problems = append(r.problems, newProblem(e.file, e.offset, Ref{}, strict.Problem{
			Position: at, Field: e.prefix, Message: "this is no Kubernetes object: it has no kind",
		}))
	case isForeign(kind, apiVersion):
		r.objects++
		r.addForeign(e, r.refOf(e.node, kind))
	case !known || apiVersion != "" && !slices.Contains(decode.versions, apiVersion) && kind != policyKind:
		r.ignore(kind)
	default:
		r.objects++
		r.decode(e, kind, decode)
	}
}

// addForeign notes a policy of another API and where it stands.
func (r *Reader) addForeign(e entry, ref Ref) {
	decoder := &strict.Decoder{}
	decoder.Decode(e.node, e.prefix, &strict.Ignored{})
	r.inventory.Foreign = append(r.inventory.Foreign, ref)
	r.place(ref, Origin{file: e.file, decoder: decoder, prefix: e.prefix, offset: e.offset})
}

// place remembers where an object stands.
func (r *Reader) place(ref Ref, origin Origin) {
	if r.inventory.origins == nil {
		r.inventory.origins = map[Ref]Origin{}
	}
	r.inventory.origins[ref] = origin
}

// decode reads one object of a kind that matters.
func (r *Reader) decode(e entry, kind string, with kindDecoder) {
	decoder := &strict.Decoder{Foreign: true, Lenient: kind != policyKind}
	ref := r.refOf(e.node, kind)
	origin := Origin{file: e.file, decoder: decoder, prefix: e.prefix, offset: e.offset, empty: map[string]bool{}}
	if kind == policyKind {
		origin.findEmpty(e.node, e.prefix)
	}
	add := with.read(r, decoder, e, ref)
	problems := decoder.Problems()
	for _, problem := range problems {
		problem.Field = strings.TrimPrefix(strings.TrimPrefix(problem.Field, e.prefix), ".")
		r.problems = append(r.problems, newProblem(e.file, e.offset, ref, problem))
	}
	if len(problems) > 0 && kind != policyKind {
		return
	}
	if earlier, twice := r.inventory.origins[ref]; twice {
		at := origin.At("metadata.name")
		r.problems = append(r.problems, Problem{
			Position: at, Object: ref, Field: "metadata.name",
			Message: "the same object is already at " + earlier.At("metadata.name").String() + ": keep one, or rename it",
		})
		return
	}
	r.place(ref, origin)
	add()
}

// refOf names an object as far as its metadata says.
func (r *Reader) refOf(node *strict.Node, kind string) Ref {
	meta := child(node, "metadata")
	ref := Ref{Kind: kind, Name: scalar(meta, "name")}
	if with, known := decoders[kind]; !known || !with.clusterWide {
		ref.Namespace = scalar(meta, "namespace")
		if ref.Namespace == "" {
			ref.Namespace = r.namespace()
		}
	}
	if generate := scalar(meta, "generateName"); ref.Name == "" && generate != "" {
		ref.Name = generate
	}
	return ref
}

func (r *Reader) namespace() string {
	if r.Namespace == "" {
		return corev1.NamespaceDefault
	}
	return r.Namespace
}

func newProblem(file string, offset int, object Ref, problem strict.Problem) Problem {
	at := Position{File: file}
	if problem.Line > 0 {
		at.Line, at.Column = problem.Line+offset, problem.Column
	}
	return Problem{Position: at, Object: object, Field: problem.Field, Message: problem.Message}
}
