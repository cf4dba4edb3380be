package why_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	. "github.com/onsi/gomega"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/runner/why"
)

func TestQuestionsThatMakeNoSense(t *testing.T) {
	for _, row := range []struct{ name, to, want string }{
		{"a pod that is not there", "shop/dbb:5432", `did you mean "db"?`},
		{"a Service that is not there", "svc/shop/db:80", `no Service "db"`},
		{"an address without a port", "203.0.113.10", "no port is given"},
		{"a port name that the pod does not declare", "shop/db:pg", `declares no port named "pg"`},
		{"a range", "203.0.113.0/24:80", "name one address"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			f := newFake()
			_, err := why.Ask(t.Context(), f, question(t, row.to))
			g.Expect(err).To(MatchError(ContainSubstring(row.want)))
			var usage why.UsageError
			g.Expect(errors.As(err, &usage)).To(BeTrue())
			g.Expect(f.created).To(BeEmpty())
			g.Expect(f.prepared).To(BeEmpty())
		})
	}
}

func TestNothingIsCreatedThatWasNotAgreedTo(t *testing.T) {
	g := NewWithT(t)
	f := newFake()
	o := question(t, "shop/db:5432")
	var shown []string
	no := errors.New("no")
	o.Confirm = func(plan []string) error { shown = plan; return no }
	_, err := why.Ask(t.Context(), f, o)
	g.Expect(err).To(MatchError(no))
	g.Expect(f.prepared).To(BeEmpty())
	g.Expect(f.created).To(BeEmpty())
	g.Expect(strings.Join(shown, "\n")).To(And(ContainSubstring("Pod shop/podknock-r-source on node node-1"), ContainSubstring("ServiceAccount in namespace shop")))

	o = question(t, "shop/db:5432")
	o.Static = true
	report, err := why.Ask(t.Context(), f, o)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.prepared).To(BeEmpty())
	g.Expect(report.Asked).To(BeFalse())
	g.Expect(report.ExitCode()).To(BeZero())
}

func TestRealPodsGetNoData(t *testing.T) {
	g := NewWithT(t)
	f := newFake()
	report, err := why.Ask(t.Context(), f, question(t, "shop/db:5432"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(report.Findings).To(BeEmpty())
	g.Expect(f.removed).To(BeTrue())
	ways := map[diagnose.Way]bool{}
	for _, k := range report.Knocks {
		ways[k.Way] = true
	}
	g.Expect(ways).To(And(HaveKey(diagnose.WayPod), HaveKey(diagnose.WayDouble), HaveKey(diagnose.WayClosed), HaveKey(diagnose.WayLookup), HaveKey(diagnose.WayLarge)))
	for _, a := range f.attempts {
		if a.Host == "10.2.0.2" {
			g.Expect(a.Foreign).To(BeTrue(), "a bare connect")
			g.Expect(a.Protocol).To(Equal(probe.TCP))
		}
	}

	f, o := newFake(), question(t, "shop/db:5432/UDP")
	_, err = why.Ask(t.Context(), f, o)
	g.Expect(err).NotTo(HaveOccurred())
	for _, a := range f.attempts {
		g.Expect(a.Host).NotTo(Equal("10.2.0.2"), "UDP has no bare connect")
	}
}

func TestAProbePodThatAdmissionWouldChangeIsNotCreated(t *testing.T) {
	for _, row := range []struct {
		name  string
		admit func(*corev1.Pod)
		want  string
	}{
		{"a container was added", func(p *corev1.Pod) { p.Spec.Containers = append(p.Spec.Containers, corev1.Container{Name: "proxy"}) }, "2 containers instead of 1"},
		{"the readiness gate is gone", func(p *corev1.Pod) { p.Spec.ReadinessGates = nil }, "readiness gate is gone"},
		{"a label was added that a policy looks at", func(p *corev1.Pod) { p.Labels["tier"] = "front" }, "judges it unlike the pod"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			f := newFake()
			f.admit = row.admit
			f.snapshot.Policies = []networkingv1.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "x"}, Spec: networkingv1.NetworkPolicySpec{
				PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"tier": "front"}},
			}}}
			report, err := why.Ask(t.Context(), f, question(t, "shop/db:5432"))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(report.Asked).To(BeFalse())
			g.Expect(strings.Join(report.Unknown, "\n")).To(ContainSubstring(row.want))
			g.Expect(report.ExitCode()).To(Equal(3))
			g.Expect(f.everCreated).To(BeZero())
		})
	}
}

func TestAProbePodThatAdmissionChangedAfterTheTrialIsDeletedAtOnce(t *testing.T) {
	g := NewWithT(t)
	f := newFake()
	f.admitsLate = true
	f.admit = func(p *corev1.Pod) { p.Spec.ReadinessGates = nil }
	deleted := 0
	f.await = errors.New("nobody waits for it")
	f.deleted = func() { deleted++ }
	report, err := why.Ask(t.Context(), f, question(t, "shop/db:5432"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(report.Asked).To(BeFalse())
	g.Expect(strings.Join(report.Unknown, "\n")).To(And(ContainSubstring("readiness gate is gone"), Not(ContainSubstring("nobody waits"))))
	g.Expect(f.everCreated).To(BeNumerically(">", 0))
	g.Expect(deleted).To(Equal(f.everCreated), "before the clean-up")
}

func TestWithoutSafeLabelsItAsksFromWithinThePodOrNotAtAll(t *testing.T) {
	g := NewWithT(t)
	f := newFake()
	selector := &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}
	f.snapshot.DaemonSets = []appsv1.DaemonSet{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}, Spec: appsv1.DaemonSetSpec{Selector: selector}}}
	f.snapshot.Policies = []networkingv1.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "x"}, Spec: networkingv1.NetworkPolicySpec{PodSelector: *selector}}}
	report, err := why.Ask(t.Context(), f, question(t, "shop/db:5432"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(report.Asked).To(BeFalse())
	g.Expect(f.prepared).To(BeEmpty())
	g.Expect(strings.Join(report.Unknown, "\n")).To(And(ContainSubstring("DaemonSet shop/web"), ContainSubstring("--ephemeral")))

	o := question(t, "shop/db:5432")
	o.Ephemeral = true
	report, err = why.Ask(t.Context(), f, o)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.joined).To(Equal(1))
	g.Expect(report.Asked).To(BeTrue())
}

func TestWhatDiffersIsAskedAgainAndTriedWithACanary(t *testing.T) {
	g := NewWithT(t)
	f := newFake()
	f.snapshot.Policies = []networkingv1.NetworkPolicy{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "deny"}, Spec: networkingv1.NetworkPolicySpec{
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
	}}}
	o := question(t, "shop/db:5432")
	o.Timeouts.Canary = 1 // no time: one look is enough
	report, err := why.Ask(t.Context(), f, o)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.policies).To(Equal([]string{"podknock-r-canary"}))
	g.Expect(report.Findings[0].Cause).To(Equal("not-enforced"))
	g.Expect(report.Findings[0].Because).To(ContainElement(ContainSubstring("had no effect")))
	g.Expect(report.Knocks).To(ContainElement(HaveField("Round", 2)))
	g.Expect(f.removed).To(BeTrue())
}

func TestItCleansUpWhenItIsInterruptedOrPodsDoNotStart(t *testing.T) {
	g := NewWithT(t)
	f := newFake()
	ctx, cancel := context.WithCancel(t.Context())
	f.answers = func(string, probe.Attempt) probe.Outcome { cancel(); return probe.Connected }
	_, err := why.Ask(ctx, f, question(t, "shop/db:5432"))
	g.Expect(err).To(MatchError(context.Canceled))
	g.Expect(f.removed).To(BeTrue())

	f = newFake()
	f.left = []runner.Leftover{{Kind: "Pod", Namespace: "shop", Name: "x", Reason: "a finalizer"}}
	ctx, cancel = context.WithCancel(t.Context())
	f.answers = func(string, probe.Attempt) probe.Outcome { cancel(); return probe.Connected }
	_, err = why.Ask(ctx, f, question(t, "shop/db:5432"))
	var left why.LeftBehindError
	g.Expect(errors.As(err, &left)).To(BeTrue())
	g.Expect(err).To(MatchError(ContainSubstring("left behind: Pod shop/x: a finalizer")))
	g.Expect(errors.Is(err, context.Canceled)).To(BeTrue())

	f = newFake()
	f.await = errors.New("the node does not get the image")
	report, err := why.Ask(t.Context(), f, question(t, "shop/db:5432"))
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(f.removed).To(BeTrue())
	g.Expect(report.Findings[0].Cause).To(Equal("test"))
	g.Expect(report.ExitCode()).To(Equal(3))
}
