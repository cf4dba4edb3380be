package inventory

import (
	"regexp"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// Origin is where an object stands.
type Origin struct {
	file    string
	decoder *strict.Decoder
	// prefix is the object's path within its document, empty unless it is in a List.
	prefix string
	// offset is added to lines: documents are parsed one by one.
	offset int
	// empty are the paths of keys that stand there without a value.
	empty map[string]bool
}

// plainIndex finds a key in brackets that strict paths write with a dot.
var plainIndex = regexp.MustCompile(`\[([A-Za-z0-9-]*[A-Za-z-][A-Za-z0-9-]*)\]`)

// path is a field's path within the document, in the spelling of package strict.
func (o Origin) path(field string) string {
	field = plainIndex.ReplaceAllString(field, ".$1")
	switch {
	case o.prefix == "":
		return field
	case field == "":
		return o.prefix
	}
	return o.prefix + "." + field
}

// At is where a field of the object stands, or else what would hold it. It is zero for live objects.
func (o Origin) At(field string) Position {
	if o.decoder == nil {
		return Position{}
	}
	at := o.decoder.Position(o.path(field))
	if at.Line == 0 {
		return Position{File: o.file}
	}
	return Position{File: o.file, Line: at.Line + o.offset, Column: at.Column}
}

// Empty reports whether a field's key is written without a value, as a template leaves it when it has nothing to say.
func (o Origin) Empty(field string) bool { return o.empty[o.path(field)] }
