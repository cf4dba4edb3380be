package diagnose

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

// beforeTranslation: the pod is reached by its own address, and not by that of its Service.
func (q *inquiry) beforeTranslation(j *joined) []Finding {
	if !Blocked(j.outcome) || j.verdict == policy.Deny || q.Question.To.Kind != policy.KindService || q.outcome(WayPod, RoleSource, j.family) != probe.Connected {
		return nil
	}
	if j.outcome == probe.Rejected && len(q.readyEndpoints()) == 0 {
		return nil
	}
	return one(Finding{
		Because: []string{"the address of the pod answers, that of the Service does not: " + j.knock.Result.Reason},
		Advice:  "this plugin filters before the Service's address is translated, or the Service's proxy is at fault on this node: admit the Service's address by an ipBlock too",
		Weight:  84,
	})
}

// sourceTranslated: the destination saw another source than the one that asked.
func (q *inquiry) sourceTranslated(j *joined) []Finding {
	for _, k := range q.knocks(WayDouble, RoleSource, j.family) {
		if k.Result.Identity == nil || !k.Result.Identity.Source.IsValid() || k.Result.Identity.Source.Addr() == k.Result.Local.Addr() {
			continue
		}
		return one(Finding{
			Because: []string{fmt.Sprintf("the destination saw %s, the source is %s", k.Result.Identity.Source.Addr(), k.Result.Local.Addr())},
			Advice:  "something translates the source address, so that policies see another client: look for masquerading between pods", Weight: 86,
		})
	}
	for _, end := range q.bothEnds(j) {
		if contains(end.Doubts, policy.DoubtSource) {
			return one(Finding{
				Because: []string{end.Sentence()},
				Advice:  "a node port or load balancer may replace the client's address by that of a node: set externalTrafficPolicy: Local", Weight: 76,
				Fix: q.localFix(),
			})
		}
	}
	return nil
}

// localFix keeps the client's address.
func (q *inquiry) localFix() *Fix {
	service := q.Snapshot.service(q.Question.To)
	if service == nil || service.Spec.Type == corev1.ServiceTypeClusterIP {
		return nil
	}
	return &Fix{
		Object: "service " + service.Namespace + "/" + service.Name, Change: "set spec.externalTrafficPolicy to Local",
		Command: patchCommand("service", service.Namespace, service.Name, []policy.Operation{
			{Op: "add", Path: "/spec/externalTrafficPolicy", Value: "Local"},
		}),
	}
}

// readyEndpoints are the addresses that the Service leads to.
func (q *inquiry) readyEndpoints() []string {
	service := q.Snapshot.service(q.Question.To)
	if service == nil {
		return nil
	}
	var addresses []string
	for i := range q.Snapshot.EndpointSlices {
		slice := &q.Snapshot.EndpointSlices[i]
		if slice.Namespace != service.Namespace || slice.Labels[discoveryv1.LabelServiceName] != service.Name {
			continue
		}
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				addresses = append(addresses, endpoint.Addresses...)
			}
		}
	}
	return addresses
}

// noEndpoints: the Service leads to nobody.
func (q *inquiry) noEndpoints(*joined) []Finding {
	service := q.Snapshot.service(q.Question.To)
	if service == nil || service.Spec.Type == corev1.ServiceTypeExternalName || q.wanted != ExpectConnected {
		return nil
	}
	ready := q.readyEndpoints()
	if len(ready) > 0 && q.portServed(service) {
		return nil
	}
	finding := Finding{Weight: 94, Advice: "this is no matter of policies: the Service has no ready endpoint"}
	selected, unready := q.backing(service)
	switch {
	case len(ready) > 0:
		finding.Because = []string{fmt.Sprintf("Service %s/%s has no port %d", service.Namespace, service.Name, q.Question.Port)}
		finding.Advice = "this is no matter of policies: dial a port that the Service has, or add it"
	case len(service.Spec.Selector) == 0:
		finding.Because = []string{"the Service has no selector, and no endpoints of its own"}
		finding.Advice = "give the Service a selector, or EndpointSlices"
	case len(selected) == 0:
		finding.Because = []string{fmt.Sprintf("its selector %v matches no pod of namespace %s", service.Spec.Selector, service.Namespace)}
		if near := q.nearestPod(service); near != nil {
			finding.Because = append(finding.Because, fmt.Sprintf("the nearest pod is %s, with labels %v", near.Name, near.Labels))
			finding.Advice = "correct the Service's selector or the pods' labels"
			finding.Fix = selectorFix(service, near)
		}
	default:
		for _, pod := range unready {
			finding.Because = append(finding.Because, fmt.Sprintf("pod %s is not ready: %s", pod.Name, whyUnready(pod)))
		}
		if len(unready) == 0 {
			finding.Because = append(finding.Because, "its pods lack the port that targetPort names")
		}
		finding.Advice = "this is no matter of policies: see why its pods are not ready (kubectl describe pod), or whether targetPort names a port that they declare"
	}
	return one(finding)
}

// portServed tells whether the Service has the port that was asked for.
func (q *inquiry) portServed(service *corev1.Service) bool {
	return slices.ContainsFunc(service.Spec.Ports, func(p corev1.ServicePort) bool {
		return p.Port == q.Question.Port && (p.Protocol == q.Question.Protocol || p.Protocol == "")
	})
}

// backing are the pods that a Service selects, and those of them that are not ready.
func (q *inquiry) backing(service *corev1.Service) (selected, unready []*corev1.Pod) {
	for i := range q.Snapshot.Pods {
		pod := &q.Snapshot.Pods[i]
		if pod.Namespace != service.Namespace || !selectsPod(service.Spec.Selector, pod) || finished(pod) {
			continue
		}
		selected = append(selected, pod)
		if !slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
			return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
		}) {
			unready = append(unready, pod)
		}
	}
	return selected, unready
}

func finished(pod *corev1.Pod) bool {
	return pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
}

// whyUnready says what the pod waits for, as far as its status tells.
func whyUnready(pod *corev1.Pod) string {
	for _, status := range pod.Status.ContainerStatuses {
		if waiting := status.State.Waiting; waiting != nil {
			return fmt.Sprintf("container %s waits: %s %s", status.Name, waiting.Reason, waiting.Message)
		}
	}
	for _, condition := range pod.Status.Conditions {
		if condition.Type == corev1.PodReady && condition.Message != "" {
			return condition.Message
		}
	}
	return "its phase is " + string(pod.Status.Phase)
}

// nearestPod is the pod of the namespace that has the most of a Service's labels, and at least one of its keys.
func (q *inquiry) nearestPod(service *corev1.Service) *corev1.Pod {
	var nearest *corev1.Pod
	best := 0
	for i := range q.Snapshot.Pods {
		pod := &q.Snapshot.Pods[i]
		if pod.Namespace != service.Namespace || finished(pod) {
			continue
		}
		score := 0
		for key, value := range service.Spec.Selector {
			have, has := pod.Labels[key]
			switch {
			case has && have == value:
				score += 3
			case has:
				score++
			default:
				score = -1000
			}
		}
		if score > best {
			nearest, best = pod, score
		}
	}
	return nearest
}

// selectorFix gives a Service's selector the values that a pod has.
func selectorFix(service *corev1.Service, pod *corev1.Pod) *Fix {
	selector := map[string]string{}
	for key := range service.Spec.Selector {
		selector[key] = pod.Labels[key]
	}
	return &Fix{
		Object: "service " + service.Namespace + "/" + service.Name, Change: fmt.Sprintf("set spec.selector to %v", selector),
		Command: patchCommand("service", service.Namespace, service.Name, []policy.Operation{{Op: "replace", Path: "/spec/selector", Value: selector}}),
	}
}

// hairpin: the source is itself behind the Service.
func (q *inquiry) hairpin(j *joined) []Finding {
	if q.Question.To.Kind != policy.KindService || !Blocked(j.outcome) && j.verdict != policy.Depends {
		return nil
	}
	for _, explanation := range q.Ends {
		for _, path := range explanation.Paths {
			if path.To != q.Question.From {
				continue
			}
			return one(Finding{
				Because: []string{fmt.Sprintf("%s is itself an endpoint of %s", q.Question.From, q.Question.To)},
				Advice:  "plugins differ in what they do to a pod that reaches itself through a Service: admit the pods to each other, or dial localhost",
				Weight:  83,
			})
		}
	}
	return nil
}
