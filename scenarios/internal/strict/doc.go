// Package strict reads YAML into Go values and finds every fault on the way, with its position.
//
// [Parse] makes trees that hold no surprise: aliases are resolved within bounds, duplicate keys and merge keys are reported. A [Decoder]
// then fills Go values by their json tags. It goes on after a fault, so that a reader sees all of them at once, and it remembers where each
// field stood, so that whoever checks the values later can say where.
//
// Besides json, these struct tags count:
//
//	key:"Field"     a list of structs is written as a mapping; its keys go to this field of the elements
//	one:"true"      a list may be written as its only element
//	short:"true"    a struct may be written as the value of this field alone
//	want:"text"     the only allowed value
//
// A field without omitempty is required. Types may take part by [encoding.TextUnmarshaler], by [Enum] or by [NodeDecoder].
//
// The package knows nothing of scenarios or of Kubernetes.
package strict
