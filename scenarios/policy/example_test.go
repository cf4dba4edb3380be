package policy_test

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// A policy of namespace shop isolates the database and means to admit the front end, but misspells it.
func Example() {
	pod := func(name string) corev1.Pod {
		return corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name, Labels: map[string]string{"app": name}}}
	}
	protect := networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "protect-db"}}
	protect.Spec.PodSelector.MatchLabels = map[string]string{"app": "db"}
	protect.Spec.Ingress = []networkingv1.NetworkPolicyIngressRule{{From: []networkingv1.NetworkPolicyPeer{
		{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "fronted"}}},
	}}}

	evaluator, err := policy.Compile(policy.Cluster{
		Namespaces: []corev1.Namespace{{ObjectMeta: metav1.ObjectMeta{Name: "shop"}}},
		Pods:       []corev1.Pod{pod("frontend"), pod("db")},
		Policies:   []networkingv1.NetworkPolicy{protect},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	explanation, err := evaluator.Explain(policy.Query{From: policy.Pod("shop", "frontend"), To: policy.Pod("shop", "db"), Port: 5432})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(strings.Join(explanation.Sentences()[1:], "\n"))

	// Output:
	// egress of pod shop/frontend is free: no policy selects it
	//   ingress of pod shop/db is closed: isolated by policy shop/protect-db, and no rule admits pod shop/frontend
	//     policy shop/protect-db misses: spec.ingress[0].from[0].podSelector.matchLabels[app] wants app=fronted, the pod has app=frontend
	//       in policy shop/protect-db set spec.ingress[0].from[0].podSelector.matchLabels[app] to "frontend"
}
