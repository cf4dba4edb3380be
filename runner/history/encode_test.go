package history

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/podknock/podknock/runner"
)

// gzipped is text in gzip.
func gzipped(t *testing.T, text string) []byte {
	t.Helper()
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	if _, err := writer.Write([]byte(text)); err != nil {
		t.Fatal(err)
	}
	if err := writer.Close(); err != nil {
		t.Fatal(err)
	}
	return packed.Bytes()
}

func TestDecodeRefuses(t *testing.T) {
	whole, err := Encode(aRecord(nil), MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name   string
		packed []byte
		want   string
	}{
		{"what is not gzip", []byte("no gzip at all"), "decode record: gzip: invalid header"},
		{"nothing", nil, "decode record: EOF"},
		{"a record that was cut off", whole[:len(whole)/2], "decode record: unexpected EOF"},
		{"what is not JSON", gzipped(t, "hello"), "decode record: invalid character 'h'"},
		{"another kind of object", gzipped(t, `{"apiVersion":"v1","kind":"Pod","run":"r1"}`), `decode record: it is "Pod" of "v1"`},
		{"a record of no run", gzipped(t, `{"apiVersion":"podknock.dev/v1alpha1","kind":"RunRecord"}`), "decode record: it names no run"},
		{"what unpacks to more than fits", gzipped(t, strings.Repeat(" ", maxDecoded+1)), "decode record: it is larger than"},
	} {
		t.Run(test.name, func(t *testing.T) {
			if record, err := Decode(test.packed); err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("got %v and error %v, want %q", record, err, test.want)
			}
		})
	}
}

func TestWhatFitsComesBackWhole(t *testing.T) {
	record := aRecord(func(r *Record) {
		r.Others = []Cell{{ID: "x", Mark: runner.MarkFail, Expected: "blocked", Evidence: &runner.Cell{ID: "x", Mark: runner.MarkFail}}}
	})
	packed, err := Encode(record, MaxSize)
	if err != nil {
		t.Fatal(err)
	}
	back, err := Decode(packed)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(record, back) {
		t.Errorf("got %+v\nwant %+v", back, record)
	}
}

// manyFailures is a record whose evidence does not compress well.
func manyFailures(n int) *Record {
	random := rand.New(rand.NewPCG(1, 2))
	noise := func(size int) string {
		letters := make([]byte, size)
		for i := range letters {
			letters[i] = byte('a' + random.IntN(26))
		}
		return string(letters)
	}
	return aRecord(func(r *Record) {
		for i := range n {
			id := fmt.Sprintf("s/%d/%s", i, noise(12))
			r.Others = append(r.Others, Cell{
				ID: id, Mark: runner.MarkFail, Why: noise(40), Evidence: &runner.Cell{ID: id, Why: noise(600)},
			})
		}
	})
}

func TestARecordThatIsTooLargeLosesEvidenceFirst(t *testing.T) {
	record := manyFailures(1000)
	for _, test := range []struct {
		size      int
		shortened string
	}{
		{300 << 10, "the evidence of all but the first"},
		{60 << 10, "the evidence of all but the first"},
		{30 << 10, "the evidence of all cells, and the reasons"},
		{12 << 10, "the list of cells"},
	} {
		packed, err := Encode(record, test.size)
		if err != nil {
			t.Fatal(err)
		}
		if len(packed) > test.size {
			t.Errorf("%d bytes, at most %d were asked for", len(packed), test.size)
		}
		back, err := Decode(packed)
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(back.Shortened, test.shortened) {
			t.Errorf("at %d bytes it says %q, want %q", test.size, back.Shortened, test.shortened)
		}
		if back.Counts != record.Counts {
			t.Errorf("at %d bytes the counts changed: %+v", test.size, back.Counts)
		}
	}
	if record.Others[999].Evidence == nil || record.Shortened != "" {
		t.Error("encoding has changed the record itself")
	}
	if packed, err := Encode(record, 100); err == nil {
		t.Errorf("100 bytes hold nothing, but %d bytes came back", len(packed))
	}
}

func TestNewSortsCellsByTheirMarks(t *testing.T) {
	report := &runner.Report{
		Run: "r1", Start: time.Unix(0, 0).UTC(), Counts: runner.Counts{Pass: 1, Fail: 1},
		Skipped: []runner.Skipped{{Name: "late", Suite: "guides"}},
		Scenarios: []runner.ScenarioResult{{
			Name: "two", Suite: "guides", Mark: runner.MarkFail, Counts: runner.Counts{Pass: 1, Fail: 1},
			Pods: []runner.PodResult{{Name: "a", Node: "node1"}, {Name: "b", Node: "node2"}},
			Steps: []runner.StepResult{{Cells: []runner.Cell{
				{ID: "fails", From: runner.Endpoint{Name: "a"}, To: runner.Endpoint{Name: "b"}, Mark: runner.MarkFail, Why: "it arrived"},
				{ID: "passes", From: runner.Endpoint{Name: "a"}, To: runner.Endpoint{Name: "a"}, Mark: runner.MarkPass},
				{ID: "unasked", From: runner.Endpoint{Name: "b"}, To: runner.Endpoint{Kind: "dns"}, Mark: runner.MarkError, Error: "no stream"},
			}}},
		}},
	}
	record := New("nightly", report)
	if len(record.Passed) != 1 || record.Passed[0] != "passes" {
		t.Errorf("passed: %v", record.Passed)
	}
	if len(record.Others) != 2 || record.Others[0].Why != "it arrived" || record.Others[1].Why != "no stream" || record.Others[0].ToNode != "node2" {
		t.Errorf("others: %+v", record.Others)
	}
	want := []Node{{Name: "node1", Counts: runner.Counts{Pass: 1, Fail: 1}}, {Name: "node2", Counts: runner.Counts{Fail: 1, Error: 1}}}
	if !reflect.DeepEqual(record.Nodes, want) {
		t.Errorf("nodes: %+v, want %+v", record.Nodes, want)
	}
	if record.Skipped[0] != "guides/late" || record.Scenarios[0].Name != "guides/two" || record.ExitCode != 1 {
		t.Errorf("got %+v", record)
	}
}

func FuzzDecode(f *testing.F) {
	whole, err := Encode(manyFailures(2), MaxSize)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, packed []byte) {
		record, err := Decode(packed)
		if err != nil {
			return
		}
		if _, err := Encode(record, 1<<30); err != nil {
			t.Errorf("what was decoded cannot be encoded: %v", err)
		}
		Compare(record, record, Options{})
	})
}
