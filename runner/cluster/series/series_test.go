package series

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"k8s.io/client-go/tools/leaderelection/resourcelock"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/history"
)

func night(day int) *history.Record {
	return &history.Record{
		APIVersion: history.APIVersion, Kind: history.Kind, Series: "nightly", Run: fmt.Sprintf("rnight%d", day),
		Start: time.Date(2026, 3, day, 2, 0, 0, 0, time.UTC), Counts: runner.Counts{Pass: day}, Scenarios: []history.Scenario{},
		Headline: "axis udp was enforced and is not enforced now",
	}
}

func refuse(client *fake.Clientset, verb, resource string) {
	client.PrependReactor(verb, resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource(resource), "", errors.New("no right"))
	})
}

func TestValidateSeries(t *testing.T) {
	for _, test := range []struct {
		name, series string
		ok           bool
	}{
		{"no name at all", "", false},
		{"letters that no object name has", "Nightly", false},
		{"a name that leaves no room for the run", strings.Repeat("n", 41), false},
		{"a plain name", "nightly-2", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := ValidateSeries(test.series); (err == nil) != test.ok {
				t.Errorf("%q: %v", test.series, err)
			}
		})
	}
}

func TestWhatTheClusterRefusesIsSaid(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset()
	store := &Store{Client: client, Namespace: "podknock", Series: "nightly"}
	refuse(client, "create", "configmaps")
	refuse(client, "list", "configmaps")
	refuse(client, "create", "events")
	g.Expect(store.Put(t.Context(), night(1))).To(MatchError(And(ContainSubstring(`namespace "podknock"`), ContainSubstring("no right"))))
	_, err := store.List(t.Context())
	g.Expect(err).To(MatchError(ContainSubstring("no right")))
	g.Expect(Tell(t.Context(), client, "podknock", night(1), ReasonRegression, "x")).To(MatchError(ContainSubstring("no right")))
}

func TestRecordsComeBackNewestFirst(t *testing.T) {
	g := NewWithT(t)
	store := &Store{Client: fake.NewClientset(), Namespace: "podknock", Series: "nightly"}
	for _, day := range []int{2, 3, 1} {
		g.Expect(store.Put(t.Context(), night(day))).To(Succeed())
	}
	g.Expect(store.Put(t.Context(), night(3))).To(Succeed(), "the same record again is no error")
	kept, err := store.List(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(kept).To(HaveLen(3))
	g.Expect(kept[0].Run).To(Equal("rnight3"))
	g.Expect(kept[0].Headline).To(Equal(night(3).Headline))
	record, err := kept[2].Record()
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(record).To(Equal(night(1)))
}

func TestConfigMapsThatAreNoRecordsAreLeftAlone(t *testing.T) {
	g := NewWithT(t)
	broken := func(name string, data map[string][]byte, annotations map[string]string) *corev1.ConfigMap {
		return &corev1.ConfigMap{
			ObjectMeta: metav1.ObjectMeta{Namespace: "podknock", Name: name, Labels: map[string]string{LabelSeries: "nightly"}, Annotations: annotations},
			BinaryData: data,
		}
	}
	start := map[string]string{annotationStart: "2026-03-01T02:00:00Z"}
	store := &Store{Client: fake.NewClientset(
		broken("without-data", nil, start), broken("without-time", map[string][]byte{dataKey: {1}}, nil),
		broken("podknock-nightly-20260301-020000-rx", map[string][]byte{dataKey: {1, 2}}, start),
	), Namespace: "podknock", Series: "nightly"}
	kept, err := store.List(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(kept).To(HaveLen(1))
	_, err = kept[0].Record()
	g.Expect(err).To(MatchError(ContainSubstring(`read configmap "podknock-nightly-20260301-020000-rx"`)))
}

func TestPruneKeepsTheNewestOfItsSeriesOnly(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset()
	store := &Store{Client: client, Namespace: "podknock", Series: "nightly"}
	for day := range 5 {
		g.Expect(store.Put(t.Context(), night(day+1))).To(Succeed())
	}
	other := night(1)
	other.Series = "hourly"
	g.Expect((&Store{Client: client, Namespace: "podknock", Series: "hourly"}).Put(t.Context(), other)).To(Succeed())
	deleted, err := store.Prune(t.Context(), 2)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(deleted).To(Equal(3))
	all, err := (&Store{Client: client, Namespace: "podknock"}).List(t.Context())
	g.Expect(err).NotTo(HaveOccurred())
	var runs []string
	for _, kept := range all {
		runs = append(runs, kept.Series+"/"+kept.Run)
	}
	g.Expect(runs).To(Equal([]string{"nightly/rnight5", "nightly/rnight4", "hourly/rnight1"}))
	_, err = (&Store{Client: client, Namespace: "podknock"}).Prune(t.Context(), 0)
	g.Expect(err).To(HaveOccurred(), "without a series everything would be deleted")
}

func TestTwoRunsOfOneSeriesNeverMeet(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset()
	options := LeaseOptions{Client: client, Namespace: "podknock", Series: "nightly", Holder: "first", Duration: 2 * time.Second}
	held, release, err := Hold(t.Context(), options)
	g.Expect(err).NotTo(HaveOccurred())
	second := options
	second.Holder = "second"
	_, _, err = Hold(t.Context(), second)
	g.Expect(err).To(MatchError(ErrHeld))
	g.Expect(err).To(MatchError(ContainSubstring("first since ")))
	g.Expect(held.Err()).NotTo(HaveOccurred())

	other := second
	other.Series = "hourly"
	_, releaseOther, err := Hold(t.Context(), other)
	g.Expect(err).NotTo(HaveOccurred(), "another series has a lease of its own")
	releaseOther()

	release()
	_, releaseSecond, err := Hold(t.Context(), second)
	g.Expect(err).NotTo(HaveOccurred(), "the lease was given back")
	releaseSecond()
}

func TestALeaseThatCannotBeRenewedEndsTheRun(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset()
	var broken atomic.Bool
	client.PrependReactor("*", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		return broken.Load(), nil, apierrors.NewInternalError(errors.New("no storage"))
	})
	held, release, err := Hold(t.Context(), LeaseOptions{
		Client: client, Namespace: "podknock", Series: "nightly", Holder: "first", Duration: 2 * time.Second,
	})
	g.Expect(err).NotTo(HaveOccurred())
	defer release()
	broken.Store(true)
	g.Eventually(held.Done()).WithTimeout(20 * time.Second).Should(BeClosed())
	g.Expect(context.Cause(held)).To(MatchError(ErrLost))
}

// TestWorkEndsBeforeAnotherRunCanBegin has a renewal that never comes back, as when packets are dropped.
func TestWorkEndsBeforeAnotherRunCanBegin(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset()
	options := LeaseOptions{Client: client, Namespace: "podknock", Series: "nightly", Holder: "first", Duration: 6 * time.Second}
	var silent atomic.Bool
	silence, renewed := make(chan struct{}), make(chan time.Time, 100)
	client.PrependReactor("update", "leases", func(clienttesting.Action) (bool, runtime.Object, error) {
		if silent.Load() {
			<-silence
		} else {
			renewed <- time.Now()
		}
		return false, nil, nil
	})
	held, release, err := Hold(t.Context(), options)
	g.Expect(err).NotTo(HaveOccurred())
	defer release()
	defer close(silence)
	g.Eventually(renewed).WithTimeout(3 * time.Second).Should(Receive())
	begun := time.Now()
	silent.Store(true)
	g.Eventually(held.Done()).WithTimeout(options.Duration).Should(BeClosed())
	g.Expect(time.Since(begun)).To(BeNumerically("<", options.Duration*5/6))
	g.Expect(context.Cause(held)).To(MatchError(ErrLost))
}

func TestALeaseIsGivenBackByItsHolderOnly(t *testing.T) {
	for _, test := range []struct {
		name, read, after string
		lost              bool
	}{
		{"another run has acquired it since", "second", "second", false},
		{"it was given back already, and is free for others", "", "", false},
		{"the work has ended when others see it free", "first", "", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			leases := fake.NewClientset().CoordinationV1()
			lost := false
			lock := &candidLock{
				Interface: &resourcelock.LeaseLock{
					LeaseMeta: metav1.ObjectMeta{Namespace: "podknock", Name: "podknock-nightly"}, Client: leases,
					LockConfig: resourcelock.ResourceLockConfig{Identity: "first"},
				},
				refused: make(chan error, 1), work: time.Minute, lose: func() { lost = true },
			}
			defer lock.rest()
			g.Expect(lock.Create(t.Context(), resourcelock.LeaderElectionRecord{HolderIdentity: "first"})).To(Succeed())
			lease, err := leases.Leases("podknock").Get(t.Context(), "podknock-nightly", metav1.GetOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			lease.Spec.HolderIdentity = &test.read
			_, err = leases.Leases("podknock").Update(t.Context(), lease, metav1.UpdateOptions{})
			g.Expect(err).NotTo(HaveOccurred())

			_, _, err = lock.Get(t.Context())
			g.Expect(err).NotTo(HaveOccurred())
			err = lock.Update(t.Context(), resourcelock.LeaderElectionRecord{LeaseDurationSeconds: 1})
			g.Expect(err == nil).To(Equal(test.lost))
			g.Expect(lost).To(Equal(test.lost))
			record, _, err := lock.Get(t.Context())
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(record.HolderIdentity).To(Equal(test.after))
		})
	}
}

func TestWhatIsInTheWayIsNotTakenForAnotherRun(t *testing.T) {
	for _, test := range []struct {
		name, verb string
		err        error
	}{
		{"an API server that nobody reaches", "*", errRefused},
		{"an API server that reads and does not write", "create", apierrors.NewServiceUnavailable("etcdserver: no leader")},
	} {
		t.Run(test.name, func(t *testing.T) {
			g := NewWithT(t)
			client := fake.NewClientset()
			fail(client, test.verb, "leases", -1, test.err, false)
			_, _, err := Hold(t.Context(), LeaseOptions{
				Client: client, Namespace: "podknock", Series: "nightly", Holder: "first", Duration: 2 * time.Second, Patience: 300 * time.Millisecond,
			})
			g.Expect(err).To(MatchError(test.err))
			g.Expect(err).NotTo(MatchError(ErrHeld))
		})
	}
}

func TestARightThatIsMissingIsNotTakenForAnotherRun(t *testing.T) {
	for _, verb := range []string{"get", "create", "update"} {
		t.Run(verb, func(t *testing.T) {
			g := NewWithT(t)
			client := fake.NewClientset()
			options := LeaseOptions{Client: client, Namespace: "podknock", Series: "nightly", Holder: "first"}
			if verb == "update" {
				_, release, err := Hold(t.Context(), options)
				g.Expect(err).NotTo(HaveOccurred())
				release()
			}
			refuse(client, verb, "leases")
			_, _, err := Hold(t.Context(), options)
			g.Expect(err).To(MatchError(And(ContainSubstring(`hold lease "podknock-nightly" in namespace "podknock"`), ContainSubstring("no right"))))
			g.Expect(err).NotTo(MatchError(ErrHeld))
		})
	}
}

func TestAnInterruptEndsTheWaitForALease(t *testing.T) {
	g := NewWithT(t)
	client := fake.NewClientset()
	options := LeaseOptions{Client: client, Namespace: "podknock", Series: "nightly", Holder: "first"}
	_, release, err := Hold(t.Context(), options)
	g.Expect(err).NotTo(HaveOccurred())
	defer release()
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(runner.ErrInterrupted)
	options.Holder = "second"
	_, _, err = Hold(ctx, options)
	g.Expect(err).To(MatchError(runner.ErrInterrupted))
}

func TestTheEventIsAboutTheCronJobWhereThereIsOne(t *testing.T) {
	g := NewWithT(t)
	job := &batchv1.CronJob{ObjectMeta: metav1.ObjectMeta{Namespace: "podknock", Name: "nightly", UID: "u1"}}
	for _, test := range []struct {
		client *fake.Clientset
		kind   string
	}{{fake.NewClientset(), "ConfigMap"}, {fake.NewClientset(job), "CronJob"}} {
		g.Expect(Tell(t.Context(), test.client, "podknock", night(1), ReasonRegression, strings.Repeat("é", 2000))).To(Succeed())
		events, err := test.client.CoreV1().Events("podknock").List(t.Context(), metav1.ListOptions{})
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(events.Items).To(HaveLen(1))
		event := events.Items[0]
		g.Expect(event.InvolvedObject.Kind).To(Equal(test.kind))
		g.Expect(event.Reason).To(Equal("ConnectivityRegression"))
		g.Expect(len(event.Message)).To(BeNumerically("<=", 1024))
	}
}
