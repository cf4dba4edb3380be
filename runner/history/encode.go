package history

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/podknock/podknock/runner"
)

// MaxSize is the default bound of an encoded record in bytes. The API server refuses a ConfigMap of more than 1 MiB (core/validation in
// Kubernetes), etcd a request of more than 1.5 MiB.
const MaxSize = 256 << 10

// maxDecoded bounds what a record unpacks to, so that a hostile one cannot fill the memory.
const maxDecoded = 64 << 20

// Encode packs a record into at most so many bytes of gzip. What does not fit is left out, and [Record.Shortened] of what is packed says so:
// first the evidence of cells, from the last cell on, then the reasons of cells, then the lists of cells. The record itself is not changed.
// It is an error if not even the rest fits.
func Encode(record *Record, size int) ([]byte, error) {
	for _, shortened := range shortenings(record) {
		packed, err := pack(shortened())
		if err != nil {
			return nil, fmt.Errorf("encode record of run %q: %w", record.Run, err)
		}
		if len(packed) <= size {
			return packed, nil
		}
	}
	return nil, fmt.Errorf("encode record of run %q: it does not fit into %d bytes, whatever is left out", record.Run, size)
}

// shortenings are ever shorter versions of the record.
func shortenings(record *Record) []func() *Record {
	with := func(evidence int, text string, more func(*Record)) func() *Record {
		return func() *Record {
			short := *record
			short.Shortened = text
			short.Others = slices.Clone(record.Others)
			for i := min(evidence, len(short.Others)); i < len(short.Others); i++ {
				short.Others[i].Evidence = nil
			}
			if more != nil {
				more(&short)
			}
			return &short
		}
	}
	all := []func() *Record{with(len(record.Others), "", nil)}
	for kept := len(record.Others) / 2; kept > 0; kept /= 2 {
		all = append(all, with(kept, fmt.Sprintf("the evidence of all but the first %d cells that are not as expected", kept), nil))
	}
	return append(all,
		with(0, "the evidence of all cells, and the reasons of those beyond the first 100", func(r *Record) {
			for i := min(100, len(r.Others)); i < len(r.Others); i++ {
				r.Others[i].Why, r.Others[i].Repeat = "", ""
			}
		}),
		with(0, "the list of cells that are as expected, and most of the others", func(r *Record) {
			r.Passed, r.Unjudged, r.Others = nil, nil, r.Others[:min(100, len(r.Others))]
		}),
	)
}

func pack(record *Record) ([]byte, error) {
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(json.NewEncoder(writer).Encode(record), writer.Close()); err != nil {
		return nil, err
	}
	return packed.Bytes(), nil
}

// Decode unpacks what [Encode] has packed. Records of later versions with fields that this one does not know are read as far as they are
// known; another kind of object is an error.
func Decode(packed []byte) (*Record, error) {
	reader, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(reader, maxDecoded+1))
	if err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	if len(text) > maxDecoded {
		return nil, fmt.Errorf("decode record: it is larger than %d bytes", maxDecoded)
	}
	record := &Record{}
	if err := json.Unmarshal(text, record); err != nil {
		return nil, fmt.Errorf("decode record: %w", err)
	}
	if record.APIVersion != APIVersion || record.Kind != Kind {
		return nil, fmt.Errorf("decode record: it is %q of %q, not %q of %q", record.Kind, record.APIVersion, Kind, APIVersion)
	}
	if record.Run == "" {
		return nil, errors.New("decode record: it names no run")
	}
	return record, nil
}

// lostCells tells whether the list of cells that are as expected had to be left out.
func (r *Record) lostCells() bool {
	return r.Shortened != "" && len(r.Passed) == 0
}

// marks are the marks of all cells of a record, by their IDs.
func (r *Record) marks() map[string]runner.Mark {
	marks := make(map[string]runner.Mark, len(r.Passed)+len(r.Unjudged)+len(r.Others))
	for _, id := range r.Passed {
		marks[id] = runner.MarkPass
	}
	for _, id := range r.Unjudged {
		marks[id] = runner.MarkUnjudged
	}
	for i := range r.Others {
		marks[r.Others[i].ID] = r.Others[i].Mark
	}
	return marks
}
