package verify

import (
	"context"
	"testing"
	"time"

	. "github.com/onsi/gomega"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/scenarios"
)

func TestPodsWaitForTheirPlace(t *testing.T) {
	order := func(namespace, name string) runner.PodOrder {
		return runner.PodOrder{PodObject: scenarios.PodObject{Logical: name, Meta: metav1.ObjectMeta{Namespace: namespace, Name: name}}}
	}
	for _, row := range []struct {
		name string
		room func(c *census) error
	}{
		{"until another is deleted", func(c *census) error { return c.DeletePod(context.Background(), "before", "free-1") }},
		{"until the namespace of others is deleted", func(c *census) error { return c.DeleteNamespace(context.Background(), "before", false) }},
		{"until there is no bound any more", func(c *census) error { c.bound(0); return nil }},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			c := newCensus(newFakeCluster("node1"))
			g.Expect(c.CreatePod(t.Context(), order("before", "free-1"))).To(Succeed())
			c.bound(1)
			ended, end := context.WithCancel(t.Context())
			end()
			g.Expect(c.CreatePod(ended, order("suite", "web"))).To(MatchError(context.Canceled), "there is no room")
			g.Expect(c.most()).To(Equal(1))
			created := make(chan error, 1)
			go func() { created <- c.CreatePod(t.Context(), order("suite", "web")) }()
			g.Consistently(created).WithTimeout(50 * time.Millisecond).ShouldNot(Receive())
			g.Expect(row.room(c)).To(Succeed())
			g.Eventually(created).WithTimeout(5 * time.Second).Should(Receive(BeNil()))
		})
	}
}
