package cluster

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	clienttesting "k8s.io/client-go/testing"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

// openFake is a Cluster over client-go's fake.
func openFake(t *testing.T, objects ...runtime.Object) (*Cluster, *fake.Clientset) {
	t.Helper()
	client := fake.NewClientset(objects...)
	c := &Cluster{options: testOptions(), client: client, streams: newStreams(0), owners: owners{refs: map[string]metav1.OwnerReference{}}}
	c.pods = newPodWatch(client, c.options.Run)
	NewWithT(t).Expect(c.pods.follow(t.Context(), "")).To(Succeed())
	t.Cleanup(c.Close)
	return c, client
}

func createNamespace(t *testing.T, c *Cluster, name string) {
	t.Helper()
	object := scenarios.NamespaceObject{Logical: name, Object: corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}}
	NewWithT(t).Expect(c.CreateNamespace(t.Context(), object)).To(Succeed())
}

func TestAPolicyOfSomebodyElseIsNeverReplaced(t *testing.T) {
	g := NewWithT(t)
	theirs := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "deny"}}
	c, _ := openFake(t, theirs)
	createNamespace(t, c, "ns")
	_, err := c.ApplyPolicy(t.Context(), theirs)
	g.Expect(err).To(MatchError(ContainSubstring("not of this run")))
}

func TestAPolicyOfTheRunIsReplaced(t *testing.T) {
	g := NewWithT(t)
	c, client := openFake(t)
	createNamespace(t, c, "ns")
	object := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "deny"}}
	_, err := c.ApplyPolicy(t.Context(), object)
	g.Expect(err).NotTo(HaveOccurred())
	object.Spec.PodSelector.MatchLabels = map[string]string{"app": "web"}
	_, err = c.ApplyPolicy(t.Context(), object)
	g.Expect(err).NotTo(HaveOccurred())
	found, err := client.NetworkingV1().NetworkPolicies("ns").Get(t.Context(), "deny", metav1.GetOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found.Spec.PodSelector.MatchLabels).To(HaveKeyWithValue("app", "web"))
	g.Expect(found.Labels).To(HaveKeyWithValue(runner.LabelRun, "run1"))
	g.Expect(found.OwnerReferences).To(ContainElement(HaveField("Kind", "ServiceAccount")))
}

func TestAPodThatTheClusterRefusesIsExplained(t *testing.T) {
	g := NewWithT(t)
	c, client := openFake(t)
	createNamespace(t, c, "ns")
	client.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(corev1.Resource("pods"), "web", fmt.Errorf("violates PodSecurity \"restricted:latest\""))
	})
	g.Expect(c.CreatePod(t.Context(), testOrder())).To(MatchError(ContainSubstring("violates PodSecurity")))
}

func TestAPrivilegedNamespaceThatIsRefusedIsMadeRestricted(t *testing.T) {
	g := NewWithT(t)
	c, client := openFake(t)
	client.PrependReactor("create", "namespaces", func(action clienttesting.Action) (bool, runtime.Object, error) {
		namespace := action.(clienttesting.CreateAction).GetObject().(*corev1.Namespace)
		if namespace.Labels[podSecurityEnforce] == "privileged" {
			return true, nil, apierrors.NewForbidden(corev1.Resource("namespaces"), namespace.Name, fmt.Errorf("nobody gets a privileged one"))
		}
		return false, nil, nil
	})
	object := scenarios.NamespaceObject{Object: corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "ns"}}, HostNetwork: true}
	g.Expect(c.CreateNamespace(t.Context(), object)).To(Succeed())
	namespace, err := client.CoreV1().Namespaces().Get(t.Context(), "ns", metav1.GetOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(namespace.Labels).To(HaveKeyWithValue(podSecurityEnforce, "restricted"))
}

func TestAnImageThatDoesNotComeIsExplained(t *testing.T) {
	g := NewWithT(t)
	c, client := openFake(t)
	c.options.PullTimeout = time.Millisecond
	createNamespace(t, c, "ns")
	g.Expect(c.CreatePod(t.Context(), testOrder())).To(Succeed())
	pod, err := client.CoreV1().Pods("ns").Get(t.Context(), "web", metav1.GetOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	pod.Spec.NodeName = "node1"
	pod, err = client.CoreV1().Pods("ns").Update(t.Context(), pod, metav1.UpdateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = client.CoreV1().Events("ns").Create(t.Context(), &corev1.Event{
		ObjectMeta: metav1.ObjectMeta{Name: "pull"}, InvolvedObject: corev1.ObjectReference{UID: pod.UID},
		Reason: "Pulling", Message: `spec.containers{agent}: Pulling image "registry.example.org/agent:1"`,
	}, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	pod.Status.Phase = corev1.PodPending
	pod.Status.ContainerStatuses = []corev1.ContainerStatus{
		{Name: "agent", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}},
	}
	_, err = client.CoreV1().Pods("ns").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	_, err = c.AwaitPod(ctx, "ns", "web")
	g.Expect(err).To(MatchError(And(ContainSubstring(`still pulling the image "registry.example.org/agent:1"`),
		ContainSubstring("registry.example.org does not answer or is slow"))))

	g.Expect(c.DeletePod(t.Context(), "ns", "web")).To(Succeed())
	deletion := client.Actions()[slices.IndexFunc(client.Actions(), func(a clienttesting.Action) bool { return a.Matches("delete", "pods") })]
	g.Expect(deletion.(clienttesting.DeleteAction).GetDeleteOptions().GracePeriodSeconds).To(HaveValue(BeZero()),
		"nothing of it ever ran, so nobody waits for the node")
}

func TestTheNewestEventSaysWhetherAnImageIsPulled(t *testing.T) {
	event := func(second int, reason, message string) corev1.Event {
		return corev1.Event{Reason: reason, Message: message, LastTimestamp: metav1.NewTime(testNow.Add(time.Duration(second) * time.Second))}
	}
	pulling := event(1, "Pulling", `Pulling image "agent:1"`)
	rows := map[string]struct {
		events []corev1.Event
		image  string
	}{
		"no event":                  {},
		"a pull that failed":        {events: []corev1.Event{event(2, "Failed", `Failed to pull image "agent:1"`), pulling}},
		"a pull that succeeded":     {events: []corev1.Event{pulling, event(2, "Pulled", `Successfully pulled image "agent:1"`)}},
		"other news do not count":   {events: []corev1.Event{pulling, event(2, "FailedMount", "x")}, image: "agent:1"},
		"a pull that was begun":     {events: []corev1.Event{pulling}, image: "agent:1"},
		"a pull that is made again": {events: []corev1.Event{event(0, "Failed", "x"), pulling}, image: "agent:1"},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			NewWithT(t).Expect(imageBeingPulled(row.events)).To(Equal(row.image))
		})
	}
}

func TestTheRegistryOfAReference(t *testing.T) {
	for reference, registry := range map[string]string{
		"agent": "docker.io", "library/agent:1": "docker.io", "podknock.dev/agent:1": "podknock.dev", "localhost/agent": "localhost",
		"registry:5000/agent@sha256:abc": "registry:5000",
	} {
		NewWithT(t).Expect(registryOf(reference)).To(Equal(registry), reference)
	}
}

func TestBusyServersAreAskedAgain(t *testing.T) {
	g := NewWithT(t)
	c, client := openFake(t)
	createNamespace(t, c, "ns")
	calls := 0
	client.PrependReactor("create", "pods", func(clienttesting.Action) (bool, runtime.Object, error) {
		calls++
		if calls < 3 {
			return true, nil, apierrors.NewTooManyRequestsError("later")
		}
		return false, nil, nil
	})
	g.Expect(c.CreatePod(t.Context(), testOrder())).To(Succeed())
	g.Expect(calls).To(Equal(3))
}

func TestAwaitPodReturnsWhatRunsAndCountsIncidents(t *testing.T) {
	g := NewWithT(t)
	c, client := openFake(t)
	createNamespace(t, c, "ns")
	g.Expect(c.CreatePod(t.Context(), testOrder())).To(Succeed())
	pod, err := client.CoreV1().Pods("ns").Get(t.Context(), "web", metav1.GetOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	pod.Status = corev1.PodStatus{
		Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.244.0.7"}, {IP: "fd00::7"}},
		ContainerStatuses: []corev1.ContainerStatus{{Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
	}
	update := func() {
		_, err := client.CoreV1().Pods("ns").UpdateStatus(t.Context(), pod, metav1.UpdateOptions{})
		g.Expect(err).NotTo(HaveOccurred())
	}
	update()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	running, err := c.AwaitPod(ctx, "ns", "web")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(running.Addresses).To(HaveLen(2))
	g.Expect(c.PodIncidents("ns", "web")).To(Equal(runner.Incidents{}))

	pod.Status.ContainerStatuses[0].RestartCount = 1
	pod.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 137, Reason: "OOMKilled"}
	update()
	g.Eventually(func() runner.Incidents { return c.PodIncidents("ns", "web") }).Should(And(
		HaveField("Count", 1), HaveField("Gone", false), HaveField("Last", ContainSubstring("exit code 137, OOMKilled"))))

	g.Expect(client.CoreV1().Pods("ns").Delete(t.Context(), "web", metav1.DeleteOptions{})).To(Succeed())
	g.Eventually(func() bool { return c.PodIncidents("ns", "web").Gone }).Should(BeTrue())
}

func TestADeletionOfOursIsNoIncident(t *testing.T) {
	g := NewWithT(t)
	c, _ := openFake(t)
	createNamespace(t, c, "ns")
	g.Expect(c.CreatePod(t.Context(), testOrder())).To(Succeed())
	g.Eventually(c.pods.count).Should(Equal(1))
	g.Expect(c.DeletePod(t.Context(), "ns", "web")).To(Succeed())
	g.Expect(c.PodIncidents("ns", "web")).To(Equal(runner.Incidents{}))
	g.Expect(c.pods.count()).To(BeZero())
}

func TestCleanUpRemovesTheRunAloneAndNamesWhatIsStuck(t *testing.T) {
	g := NewWithT(t)
	other := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "other", Labels: map[string]string{runner.LabelRun: "run2"}}}
	plain := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "plain"}}
	c, client := openFake(t, other, plain)
	createNamespace(t, c, "ns")
	g.Expect(c.CleanUp(t.Context())).To(BeEmpty())
	left, err := client.CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(left.Items).To(ConsistOf(HaveField("Name", "other"), HaveField("Name", "plain")))

	now := metav1.NewTime(testNow)
	stuck := &corev1.Namespace{
		ObjectMeta: metav1.ObjectMeta{Name: "stuck", Labels: map[string]string{runner.LabelRun: "run1"}, DeletionTimestamp: &now, Finalizers: []string{"x"}},
		Status: corev1.NamespaceStatus{Conditions: []corev1.NamespaceCondition{{
			Type: corev1.NamespaceFinalizersRemaining, Status: corev1.ConditionTrue, Message: "x in 1 resource instances",
		}}},
	}
	_, err = client.CoreV1().Namespaces().Create(t.Context(), stuck, metav1.CreateOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	g.Expect(c.CleanUp(ctx)).To(ContainElement(And(
		HaveField("Name", "stuck"), HaveField("Reason", ContainSubstring("x in 1 resource instances")))))
}

func TestFindTellsRunsApart(t *testing.T) {
	g := NewWithT(t)
	host, err := os.Hostname()
	g.Expect(err).NotTo(HaveOccurred())
	namespace := func(name, run string, expires time.Time, process string) *corev1.Namespace {
		return &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Annotations: map[string]string{AnnotationProcess: process},
			Labels: map[string]string{runner.LabelRun: run, LabelOwner: "alice", LabelExpires: strconv.FormatInt(expires.Unix(), 10)},
		}}
	}
	client := fake.NewClientset(
		namespace("a", "alive", testNow.Add(time.Hour), fmt.Sprintf("%s/%d", host, os.Getpid())),
		namespace("b", "alive", testNow.Add(time.Hour), ""),
		namespace("c", "expired", testNow.Add(-time.Hour), "elsewhere/1"),
		namespace("d", "ended", testNow.Add(time.Hour), host+"/0"),
	)
	found, err := Find(t.Context(), client, "")
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(found).To(HaveLen(3))
	g.Expect(found[0]).To(And(HaveField("Run", "alive"), HaveField("Alive", true), HaveField("Namespaces", []string{"a", "b"})))
	g.Expect(found[0].Expired(testNow)).To(BeFalse())
	g.Expect(found[1]).To(And(HaveField("Run", "ended"), HaveField("Alive", false), HaveField("Elsewhere", "")))
	g.Expect(found[2]).To(And(HaveField("Run", "expired"), HaveField("Alive", false), HaveField("Elsewhere", "elsewhere")))
	g.Expect(found[2].Expired(testNow)).To(BeTrue())
}

func TestOnlyARequestThatFindsNoAPIServerIsAnOutage(t *testing.T) {
	rows := map[string]struct {
		path   string
		ended  bool
		fails  error
		outage bool
	}{
		"a connection that is refused":                    {path: "/api/v1/pods", fails: syscall.ECONNREFUSED, outage: true},
		"a stream to a pod whose node is gone":            {path: "/api/v1/namespaces/ns/pods/a/portforward", fails: syscall.ECONNRESET},
		"an upgrade to WebSocket that the server lacks":   {path: "/api/v1/namespaces/ns/pods/a/exec", fails: errors.New("bad handshake")},
		"a container that has ended":                      {path: "/api/v1/namespaces/ns/pods/a/attach", fails: errors.New("bad handshake")},
		"a request that its sender has given up":          {path: "/api/v1/pods", ended: true, fails: context.Canceled},
		"an answer":                                       {path: "/api/v1/pods"},
		"a pod named after a stream is read as any other": {path: "/api/v1/namespaces/ns/pods/exec/status", fails: syscall.ECONNREFUSED, outage: true},
	}
	for name, row := range rows {
		t.Run(name, func(t *testing.T) {
			g := NewWithT(t)
			requests, outage := &atomic.Int64{}, &atomic.Int64{}
			config := counted(&rest.Config{}, requests, outage)
			transport := config.WrapTransport(roundTripper(func(*http.Request) (*http.Response, error) {
				return &http.Response{Body: http.NoBody}, row.fails
			}))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if row.ended {
				cancel()
			}
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://192.0.2.1"+row.path, nil)
			g.Expect(err).NotTo(HaveOccurred())
			response, err := transport.RoundTrip(request)
			if row.fails == nil {
				g.Expect(err).NotTo(HaveOccurred())
				g.Expect(response.Body.Close()).To(Succeed())
			} else {
				g.Expect(err).To(MatchError(row.fails))
			}
			c := &Cluster{requests: requests, outage: outage}
			g.Expect(c.Requests()).To(Equal(1))
			g.Expect(c.LastOutage().IsZero()).To(Equal(!row.outage))
		})
	}
}
