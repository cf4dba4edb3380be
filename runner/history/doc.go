// Package history keeps what runs have found for longer than the runs live, and compares one run with another.
//
// A [Record] is the part of a report that is worth keeping: the mark of every cell, and the evidence of those that are not as expected. It
// is small by construction ([Encode] leaves out evidence, until a record fits) and says what it leaves out. [Compare]
// says what has become worse between two records, and what better.
//
// The package is pure. Package runner/cluster puts records into ConfigMaps.
package history
