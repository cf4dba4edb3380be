package series

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/history"
)

const (
	// LabelSeries is on the ConfigMaps of a series, with its name as the value.
	LabelSeries = "podknock.dev/series"
	// dataKey is where a ConfigMap holds the record.
	dataKey = "record.json.gz"
	// The annotations let people read the gist with kubectl alone, and sort without unpacking.
	annotationStart    = "podknock.dev/start"
	annotationResult   = "podknock.dev/result"
	annotationHeadline = "podknock.dev/headline"
)

// maxHeadline bounds what a headline takes in an annotation.
const maxHeadline = 1 << 10

// Store keeps the records of one series in ConfigMaps of a namespace.
type Store struct {
	Client    kubernetes.Interface
	Namespace string
	// Series is the name of the series.
	Series string
	// Size bounds a packed record in bytes. Zero means history.MaxSize.
	Size int
	// Insist makes the store try again what failed for a while, until the context ends. It is for whom nobody watches.
	Insist bool
}

// do makes a call, once or as often as it takes.
func (s *Store) do(ctx context.Context, call func(context.Context) error) error {
	if s.Insist {
		return insist(ctx, call)
	}
	return call(ctx)
}

// ValidateSeries returns one sentence if no series can have this name, which becomes part of object names and a label's value.
func ValidateSeries(name string) error {
	if problems := validation.IsDNS1123Label(name); len(problems) > 0 || len(name) > 40 {
		return fmt.Errorf("series %q: write at most 40 lower-case letters, digits and \"-\"", name)
	}
	return nil
}

// Kept is a record in the store, not yet unpacked.
type Kept struct {
	// Object is the name of the ConfigMap, Series that of the series and Run the id of the run.
	Object, Series, Run string
	Start               time.Time
	// Result is the mark of the run as a word, Headline its headline.
	Result, Headline string
	// Size is that of the packed record in bytes.
	Size int

	packed []byte
}

// Record unpacks the record.
func (k *Kept) Record() (*history.Record, error) {
	record, err := history.Decode(k.packed)
	if err != nil {
		return nil, fmt.Errorf("read configmap %q: %w", k.Object, err)
	}
	return record, nil
}

// objectName names the ConfigMap of a run. The time comes first, so that kubectl lists them in their order.
func objectName(record *history.Record) string {
	return fmt.Sprintf("podknock-%s-%s-%s", record.Series, record.Start.UTC().Format("20060102-150405"), record.Run)
}

// Put stores a record.
func (s *Store) Put(ctx context.Context, record *history.Record) error {
	size := s.Size
	if size == 0 {
		size = history.MaxSize
	}
	packed, err := history.Encode(record, size)
	if err != nil {
		return err
	}
	object := &corev1.ConfigMap{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: s.Namespace, Name: objectName(record),
			Labels: map[string]string{LabelSeries: s.Series, "app.kubernetes.io/managed-by": "podknock"},
			Annotations: map[string]string{
				annotationStart: record.Start.UTC().Format(time.RFC3339), annotationResult: Result(record),
				annotationHeadline: record.Headline[:min(len(record.Headline), maxHeadline)],
			},
		},
		BinaryData: map[string][]byte{dataKey: packed},
	}
	err = s.do(ctx, func(ctx context.Context) error {
		_, err := s.Client.CoreV1().ConfigMaps(s.Namespace).Create(ctx, object, metav1.CreateOptions{})
		return err
	})
	if apierrors.IsAlreadyExists(err) {
		// The answer to the same request was lost, and the request was sent again: the id of this run is in the name.
		return nil
	}
	if err != nil {
		return fmt.Errorf("create configmap %q in namespace %q: %w", object.Name, s.Namespace, err)
	}
	return nil
}

// Result is what became of a run, in a word or two.
func Result(record *history.Record) string {
	switch record.ExitCode {
	case runner.ExitAsExpected:
		if record.Regressions > 0 {
			return "worse than before"
		}
		return "as expected"
	case runner.ExitMismatch:
		return "mismatch"
	case runner.ExitLeftovers:
		return "left objects behind"
	}
	return "inconclusive"
}

// List returns the records of the series, the newest first; of all series of the namespace if Series is empty. A ConfigMap that does not
// look like a record is left out.
func (s *Store) List(ctx context.Context) ([]Kept, error) {
	selector := LabelSeries
	if s.Series != "" {
		selector += "=" + s.Series
	}
	var list *corev1.ConfigMapList
	err := s.do(ctx, func(ctx context.Context) (err error) {
		list, err = s.Client.CoreV1().ConfigMaps(s.Namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("list configmaps in namespace %q: %w", s.Namespace, err)
	}
	var all []Kept
	for _, object := range list.Items {
		packed, ok := object.BinaryData[dataKey]
		start, err := time.Parse(time.RFC3339, object.Annotations[annotationStart])
		if !ok || err != nil {
			continue
		}
		series := object.Labels[LabelSeries]
		_, run, found := strings.Cut(strings.TrimPrefix(object.Name, "podknock-"+series+"-"+start.UTC().Format("20060102")+"-"), "-")
		if !found {
			continue
		}
		all = append(all, Kept{
			Object: object.Name, Series: series, Run: run, Start: start, Result: object.Annotations[annotationResult],
			Headline: object.Annotations[annotationHeadline], Size: len(packed), packed: packed,
		})
	}
	slices.SortFunc(all, func(a, b Kept) int {
		return cmp.Or(b.Start.Compare(a.Start), strings.Compare(a.Object, b.Object))
	})
	return all, nil
}

// Prune deletes all but the newest records of the series and says how many it deleted.
func (s *Store) Prune(ctx context.Context, keep int) (int, error) {
	if s.Series == "" {
		return 0, errors.New("prune records: no series is named")
	}
	all, err := s.List(ctx)
	if err != nil {
		return 0, err
	}
	deleted := 0
	for _, old := range all[min(keep, len(all)):] {
		err := s.do(ctx, func(ctx context.Context) error {
			return s.Client.CoreV1().ConfigMaps(s.Namespace).Delete(ctx, old.Object, metav1.DeleteOptions{})
		})
		if err != nil && !apierrors.IsNotFound(err) {
			return deleted, fmt.Errorf("delete configmap %q in namespace %q: %w", old.Object, s.Namespace, err)
		}
		deleted++
	}
	return deleted, nil
}
