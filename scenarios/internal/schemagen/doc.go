// Package schemagen writes the JSON Schema (draft 2020-12) of what package strict reads, from the Go types and their comments. Editors use
// the result for completion and for marking faults early; the loader itself does not.
//
// A schema knows shapes only: what it accepts may still be refused by the loader, for example because of an unknown name. It is a little
// stricter about shapes, where the loader lets pass what can't be misread, such as a key with an empty value.
package schemagen
