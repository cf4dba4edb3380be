package cluster

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/podknock/podknock/runner"
)

func TestWhatANodeDoesIsAnIncidentOfItsPods(t *testing.T) {
	state := func(ready corev1.ConditionStatus) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: "ns", Name: "web", UID: "1"},
			Spec:       corev1.PodSpec{NodeName: "node2"},
			Status: corev1.PodStatus{
				Phase: corev1.PodRunning, PodIPs: []corev1.PodIP{{IP: "10.244.0.7"}},
				Conditions:        []corev1.PodCondition{{Type: corev1.PodReady, Status: ready}},
				ContainerStatuses: []corev1.ContainerStatus{{Name: "agent", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}},
			},
		}
	}
	yes, no := state(corev1.ConditionTrue), state(corev1.ConditionFalse)
	lost := runner.Incidents{Count: 1, Last: `its node "node2" does not answer any more`, Lost: true}
	back := lost
	back.Lost = false
	moved := state(corev1.ConditionTrue)
	moved.Status.PodIPs[0].IP = "10.244.0.8"
	without := state(corev1.ConditionTrue)
	without.Status.PodIPs, without.Status.ContainerStatuses[0].State = nil, corev1.ContainerState{}
	for name, tc := range map[string]struct {
		seen []*corev1.Pod
		want runner.Incidents
	}{
		"a pod that was Ready and is so no more, although its container runs": {[]*corev1.Pod{yes, no}, lost},
		"it stays lost as long as nothing else is heard":                      {[]*corev1.Pod{yes, no, no}, lost},
		"it counts still when the node is back":                               {[]*corev1.Pod{yes, no, yes}, back},
		"a pod that comes back with another address is not the one that was asked": {[]*corev1.Pod{yes, without, moved},
			runner.Incidents{Count: 2, Last: "it was started again with other addresses", Gone: true}},
		"a pod that is not Ready yet":    {[]*corev1.Pod{no, yes}, runner.Incidents{}},
		"a pod that never becomes Ready": {[]*corev1.Pod{no, no}, runner.Incidents{}},
	} {
		t.Run(name, func(t *testing.T) {
			w := &podWatch{pods: map[types.NamespacedName]*podRecord{}, changed: make(chan struct{})}
			for _, pod := range tc.seen {
				w.seen(pod)
			}
			NewWithT(t).Expect(w.incidents("ns", "web")).To(Equal(tc.want))
		})
	}
}
