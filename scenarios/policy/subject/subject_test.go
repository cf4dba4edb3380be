package subject_test

import (
	"net/netip"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/policy"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

func TestTargetsThatSayNothingAreRefused(t *testing.T) {
	for _, row := range []struct{ name, text, namespace, want string }{
		{"nothing", "", "", "write NAMESPACE/POD"},
		{"a pod without a namespace", "web", "", `no namespace is given: write NAMESPACE/web`},
		{"a Service without a namespace", "svc/web", "", "write svc/NAMESPACE/web"},
		{"labels without a namespace", "app=web", "", "labels need a namespace"},
		{"labels that are none", "shop/app=web=db", "", `labels "app=web=db"`},
		{"a kind that is none", "shop/depl/web", "", `"depl" is no kind of workload`},
		{"too many parts", "a/b/c/d", "", "write NAMESPACE/POD"},
		{"an empty part", "shop//web", "", "write NAMESPACE/POD"},
		{"a name in capitals", "shop/Web", "", `"Web" is no name`},
		{"a namespace in capitals", "Shop/web", "", `"Shop" is no name of a namespace`},
		{"a range with host bits", "10.0.0.1/8", "", "write 10.0.0.0/8"},
		{"an address with a zone", "fe80::1%eth0", "", "leave it out"},
		{"a mapped range", "::ffff:10.0.0.0/104", "", "an IPv4 range needs no"},
		{"port zero", "shop/web:0", "", "port 0 is not from 1 to 65535"},
		{"a port beyond the last", "shop/web:65536", "", "port 65536 is not from 1 to 65535"},
		{"a protocol that is none", "shop/web:80/ICMP", "", "with TCP, UDP or SCTP"},
		{"an empty port", "shop/web:", "", "write a port"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := subject.ParseTarget(row.text, subject.Options{Namespace: row.namespace})
			NewWithT(t).Expect(err).To(MatchError(ContainSubstring(row.want)))
		})
	}
}

func TestTargetsAreReadAndSpelledAlike(t *testing.T) {
	for _, row := range []struct {
		text, namespace, spelled string
		want                     subject.Target
	}{
		{"shop/web", "", "shop/web", target(subject.Reference{Kind: subject.KindPod, Namespace: "shop", Name: "web"}, 0, "", "")},
		{"web:80", "shop", "shop/web:80", target(subject.Reference{Kind: subject.KindPod, Namespace: "shop", Name: "web"}, 80, "", "")},
		{"pod/web", "shop", "shop/web", target(subject.Reference{Kind: subject.KindPod, Namespace: "shop", Name: "web"}, 0, "", "")},
		{"shop/deployment/web:http", "", "shop/deploy/web:http", target(workload("Deployment"), 0, "http", "")},
		{"sts/web", "shop", "shop/sts/web", target(workload("StatefulSet"), 0, "", "")},
		{"deploy/web", "", "deploy/web", target(subject.Reference{Kind: subject.KindPod, Namespace: "deploy", Name: "web"}, 0, "", "")},
		{"shop/app=web,tier!=db:53/udp", "", "shop/app=web,tier!=db:53/UDP", target(labelled("app=web,tier!=db"), 53, "", corev1.ProtocolUDP)},
		{"shop/app.kubernetes.io/name=web", "", "shop/app.kubernetes.io/name=web", target(labelled("app.kubernetes.io/name=web"), 0, "", "")},
		{"app in (a,b)", "shop", "shop/app in (a,b)", target(labelled("app in (a,b)"), 0, "", "")},
		{"svc/shop/web:80/TCP", "", "svc/shop/web:80/TCP", target(subject.Reference{Kind: subject.KindService, Namespace: "shop", Name: "web"}, 80, "", corev1.ProtocolTCP)},
		{"node/worker-1:22", "", "node/worker-1:22", target(subject.Reference{Kind: subject.KindNode, Name: "worker-1"}, 22, "", "")},
		{"192.0.2.7:443", "", "192.0.2.7:443", target(address("192.0.2.7"), 443, "", "")},
		{"::ffff:192.0.2.7", "", "192.0.2.7", target(address("192.0.2.7"), 0, "", "")},
		{"2001:db8::7", "", "2001:db8::7", target(address("2001:db8::7"), 0, "", "")},
		{"[2001:db8::7]:443", "", "[2001:db8::7]:443", target(address("2001:db8::7"), 443, "", "")},
		{"192.0.2.0/24:443/TCP", "", "192.0.2.0/24:443/TCP", target(within("192.0.2.0/24"), 443, "", corev1.ProtocolTCP)},
		{"[2001:db8::/32]:443", "", "[2001:db8::/32]:443", target(within("2001:db8::/32"), 443, "", "")},
		{"192.0.2.7/32", "", "192.0.2.7", target(address("192.0.2.7"), 0, "", "")},
		{"web.shop.svc:80", "shop", "web.shop.svc:80", target(subject.Reference{Kind: subject.KindName, Name: "web.shop.svc"}, 80, "", "")},
	} {
		t.Run(row.text, func(t *testing.T) {
			g := NewWithT(t)
			got, err := subject.ParseTarget(row.text, subject.Options{Namespace: row.namespace})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(got).To(Equal(row.want))
			g.Expect(got.String()).To(Equal(row.spelled))
			again, err := subject.ParseTarget(row.spelled, subject.Options{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(again).To(Equal(got))
		})
	}
}

func target(r subject.Reference, port int32, name string, protocol corev1.Protocol) subject.Target {
	return subject.Target{Reference: r, Port: port, PortName: name, Protocol: protocol}
}

func workload(kind string) subject.Reference {
	return subject.Reference{Kind: subject.KindWorkload, Namespace: "shop", Workload: kind, Name: "web"}
}

func labelled(selector string) subject.Reference {
	return subject.Reference{Kind: subject.KindLabels, Namespace: "shop", Labels: selector}
}

func address(text string) subject.Reference {
	return subject.Reference{Kind: subject.KindAddress, Address: netip.MustParseAddr(text)}
}

func within(text string) subject.Reference {
	return subject.Reference{Kind: subject.KindRange, Range: netip.MustParsePrefix(text)}
}

// shop is a cluster with pods of every origin.
func shop() *policy.Cluster {
	pod := func(name, ownerKind, ownerName string, set map[string]string) corev1.Pod {
		one := corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: set}}
		if ownerKind != "" {
			controls := true
			one.OwnerReferences = []metav1.OwnerReference{{Kind: ownerKind, Name: ownerName, Controller: &controls}}
		}
		return one
	}
	cluster := &policy.Cluster{
		Namespaces: []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}},
		Pods: []corev1.Pod{
			pod("web-abc-2", "ReplicaSet", "web-abc", map[string]string{"app": "web", "pod-template-hash": "abc"}),
			pod("web-abc-1", "ReplicaSet", "web-abc", map[string]string{"app": "web", "pod-template-hash": "abc"}),
			pod("db-0", "StatefulSet", "db", map[string]string{"app": "db"}),
			pod("nightly-1", "Job", "nightly-29384750", nil),
			pod("bare", "", "", nil),
		},
		Services: []corev1.Service{{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "web"}}},
		Nodes:    []corev1.Node{{ObjectMeta: metav1.ObjectMeta{Name: "worker"}}},
	}
	cluster.Pods[1].Status.Phase = corev1.PodRunning
	return cluster
}

func TestWhatIsNotThereIsSaidWithWhatIsNear(t *testing.T) {
	for _, row := range []struct{ text, want string }{
		{"shpo/web", `no namespace "shpo": did you mean "shop"?`},
		{"shop/bar", `no pod "bar" in namespace "shop": did you mean "bare"?`},
		{"shop/deploy/webb", `no pod of Deployment "webb" in namespace "shop": did you mean "web"?`},
		{"shop/app=nobody", `no pod with app=nobody in namespace "shop"`},
		{"svc/shop/wbe", `no Service "wbe" in namespace "shop": did you mean "web"?`},
		{"node/workers", `no node "workers": did you mean "worker"?`},
	} {
		t.Run(row.text, func(t *testing.T) {
			g := NewWithT(t)
			reference, err := subject.Parse(row.text, subject.Options{})
			g.Expect(err).NotTo(HaveOccurred())
			_, err = reference.Endpoints(shop())
			g.Expect(err).To(MatchError(subject.ErrNothing))
			g.Expect(err).To(MatchError(ContainSubstring(row.want)))
		})
	}
}

func TestReferencesFindTheirEndpoints(t *testing.T) {
	for _, row := range []struct {
		text string
		want []policy.Endpoint
	}{
		{"shop/bare", []policy.Endpoint{policy.Pod("shop", "bare")}},
		{"shop/deploy/web", []policy.Endpoint{policy.Pod("shop", "web-abc-1"), policy.Pod("shop", "web-abc-2")}},
		{"shop/rs/web-abc", []policy.Endpoint{policy.Pod("shop", "web-abc-1"), policy.Pod("shop", "web-abc-2")}},
		{"shop/sts/db", []policy.Endpoint{policy.Pod("shop", "db-0")}},
		{"shop/cronjob/nightly", []policy.Endpoint{policy.Pod("shop", "nightly-1")}},
		{"shop/app!=web", []policy.Endpoint{policy.Pod("shop", "bare"), policy.Pod("shop", "db-0"), policy.Pod("shop", "nightly-1")}},
		{"svc/shop/web", []policy.Endpoint{policy.Service("shop", "web")}},
		{"node/worker", []policy.Endpoint{policy.Node("worker")}},
		{"192.0.2.1", []policy.Endpoint{policy.Address(netip.MustParseAddr("192.0.2.1"))}},
	} {
		t.Run(row.text, func(t *testing.T) {
			g := NewWithT(t)
			reference, err := subject.Parse(row.text, subject.Options{})
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(reference.Endpoints(shop())).To(Equal(row.want))
		})
	}
	_, err := subject.Reference{Kind: subject.KindName, Name: "a.b"}.Endpoints(shop())
	NewWithT(t).Expect(err).To(MatchError(subject.ErrNoEndpoint))
}

func FuzzParseTarget(f *testing.F) {
	for _, seed := range []string{"shop/web:80", "svc/a/b:http/UDP", "[2001:db8::/32]:443", "a/b=c,d in (e,f):1", "::1", "a.b.:53/UDP", "node/x", "0 \x00!"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := subject.ParseTarget(text, subject.Options{Namespace: "default"})
		if err != nil {
			return
		}
		again, err := subject.ParseTarget(got.String(), subject.Options{})
		if err != nil || again != got {
			t.Errorf("%q is read as %+v, spelled %q, and read again as %+v: %v", text, got, got.String(), again, err)
		}
	})
}
