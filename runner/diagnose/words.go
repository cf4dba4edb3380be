package diagnose

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
	"github.com/podknock/podknock/scenarios/policy"
)

// unexplained is what is left to say where wire and policies differ.
func (q *inquiry) unexplained(j *joined) []Finding {
	if j.agrees() {
		return nil
	}
	finding := Finding{Weight: 20, Because: []string{j.knock.Result.Reason}}
	if explanation := q.ends(j.family); explanation != nil {
		finding.Because = append(finding.Because, explanation.Sentence())
	}
	if q.shutAgainst(j) {
		finding.Advice = "something that is no NetworkPolicy stops it: firewalls of the nodes, the network between them, the Service's proxy, policies of another API"
	} else {
		finding.Advice = "the policy engine does not do what the policies say: look at its agents on the nodes of both pods"
	}
	return one(finding)
}

// unread: the verdict rests on an end that could not be read.
func (q *inquiry) unread(j *joined) bool {
	explanation := q.ends(j.family)
	return j.verdict == policy.Depends && explanation != nil && slices.Contains(explanation.Doubts, policy.DoubtUnread)
}

// unreadEnd is what is left to say where it is not as wanted, and one end could not be read.
func (q *inquiry) unreadEnd(j *joined) []Finding {
	if !q.unread(j) || j.outcome != "" && (j.asWanted(q.wanted) || !Blocked(j.outcome) && q.wanted == ExpectConnected) {
		return nil
	}
	return one(Finding{
		Because: []string{q.ends(j.family).Sentence()},
		Advice:  "the end that was read does not stop it for certain: ask somebody who may read the other namespace, or for the ClusterRole podknock-why",
		Weight:  25,
	})
}

// wire says what was seen, a line for each family.
func (q *inquiry) wire() []string {
	var lines []string
	for i := range q.joined {
		j := &q.joined[i]
		if j.knock == nil {
			continue
		}
		lines = append(lines, familyPrefix(j.family, len(q.joined))+string(j.knock.Result.Outcome)+": "+j.knock.Result.Reason)
	}
	lines = append(lines, q.otherWays()...)
	if udp, tcp := q.lookups(); udp != nil {
		lines = append(lines, "name lookup by UDP: "+udp.Result.Reason)
		if tcp != nil {
			lines = append(lines, "name lookup by TCP: "+tcp.Result.Reason)
		}
	}
	return lines
}

// comparisons are the other ways in which the wire was asked, each with its meaning.
var comparisons = []struct {
	way  Way
	from Role
	says string
}{
	{WayPod, RoleSource, "the pod's own address"},
	{WayService, RoleSource, "by its Service"},
	{WayDouble, RoleSource, "a double of the destination"},
	{WayLarge, RoleSource, "the double, with 4 KiB"},
	{WayClosed, RoleSource, "a closed port of the pod"},
	{WayPod, RoleControl, "from a pod without labels"},
	{WayDouble, RoleControl, "the double, from a pod without labels"},
	{WayPod, RoleTwin, "from another node"},
	{WayDouble, RoleTwin, "the double, from another node"},
	{WayHTTP, RoleSource, "over HTTP"},
}

// otherWays says in one line each what the other questions were answered.
func (q *inquiry) otherWays() []string {
	var lines []string
	for _, c := range comparisons {
		var answers []string
		for _, k := range q.knocks(c.way, c.from, "") {
			if len(q.joined) > 0 && q.joined[0].knock != nil && k.Way == q.joined[0].knock.Way && k.From == RoleSource {
				continue // said already
			}
			if answer := familyPrefix(k.Family, 2) + string(k.Result.Outcome); !slices.Contains(answers, answer) {
				answers = append(answers, answer)
			}
		}
		if len(answers) > 0 {
			lines = append(lines, c.says+": "+strings.Join(answers, ", "))
		}
	}
	return lines
}

func familyPrefix(family corev1.IPFamily, families int) string {
	if families < 2 || family == "" {
		return ""
	}
	return string(family) + ": "
}

// policies says what the policies mean, a line for each family that differs from the first.
func (q *inquiry) policies() []string {
	var lines []string
	for i := range q.Ends {
		line := q.Ends[i].Sentence()
		if i == 0 || q.Ends[i].Verdict != q.Ends[0].Verdict {
			lines = append(lines, familyPrefix(q.Ends[i].Query.Family, len(q.Ends))+line)
		}
	}
	return lines
}

// answer is the one sentence.
func (q *inquiry) answer(report *Report) string {
	var parts []string
	for i := range q.joined {
		if part := q.happens(&q.joined[i]); !slices.Contains(parts, part) {
			parts = append(parts, part)
		}
	}
	what := strings.Join(parts, "; ")
	if len(parts) > 1 {
		for i := range q.joined {
			parts[min(i, len(parts)-1)] = familyPrefix(q.joined[i].family, 2) + q.happens(&q.joined[i])
		}
		what = strings.Join(parts, "; ")
	}
	tail := ", as the policies say"
	switch first := firstFinding(report); {
	case first != nil && q.relation() != "":
		tail = ", " + q.relation() + ": " + first.Title
	case first != nil:
		tail = ": " + first.Title
	case len(q.Ends) == 0:
		tail = ""
	case !report.Agree:
		tail = ", although the policies say otherwise"
	case len(q.joined) > 0 && q.unread(&q.joined[0]):
		tail = "; what the policies say could not be read for both ends"
	case len(q.joined) > 0 && q.joined[0].verdict == policy.Depends:
		tail = "; what the policies say depends on the plugin"
	}
	return fmt.Sprintf("%s %s%s.", q.subject(), what, tail)
}

func firstFinding(report *Report) *Finding {
	if len(report.Findings) == 0 {
		return nil
	}
	return &report.Findings[0]
}

// relation says how wire and policies stand to each other where they differ.
func (q *inquiry) relation() string {
	for i := range q.joined {
		switch j := &q.joined[i]; {
		case q.openAgainst(j):
			return "although the policies deny it"
		case q.shutAgainst(j):
			return "although the policies allow it"
		}
	}
	return ""
}

func (q *inquiry) subject() string { return q.Question.From.String() }

// happens says what happens in a family.
func (q *inquiry) happens(j *joined) string {
	target := fmt.Sprintf("%s on %d/%s", q.Question.target(), q.Question.Port, q.Question.Protocol)
	switch j.outcome {
	case probe.Connected:
		return "connects to " + target
	case probe.Refused:
		return "reaches " + target + ", which refuses the connection"
	case probe.Timeout:
		return "does not reach " + target + " (silence)"
	case probe.Rejected:
		return "does not reach " + target + " (the network rejects it)"
	case probe.DNSFailure:
		return "does not find " + target + " (the name does not resolve)"
	case "":
		switch j.verdict {
		case policy.Deny:
			return "may not connect to " + target
		case policy.Allow:
			return "may connect to " + target
		}
		return "may or may not connect to " + target
	}
	return fmt.Sprintf("does not get through to %s (%s)", target, j.outcome)
}

// unknown is what could not be read or asked.
func (q *inquiry) unknown() []string {
	var lines []string
	if !q.Asked && q.NotAsked != "" {
		lines = append(lines, "the wire was not asked: "+q.NotAsked)
	}
	if len(q.Ends) == 0 {
		lines = append(lines, fmt.Sprintf("the policies could not be asked: %s resolved to no address", q.Question.target()))
	}
	for _, unread := range q.Snapshot.Unread {
		lines = append(lines, fmt.Sprintf("%s could not be read: %s", unread.What, unread.Why))
	}
	return append(lines, q.Obstacles...)
}

// byHand are commands that repeat the question without podknock.
func (q *inquiry) byHand() []string {
	var lines []string
	from, pod := q.Question.From, q.Question.Pod
	if pod.Kind == policy.KindPod {
		lines = append(lines, fmt.Sprintf("kubectl get networkpolicy -n %s; kubectl get pod -n %s %s --show-labels", pod.Namespace, pod.Namespace, pod.Name))
	}
	if from.Kind == policy.KindPod {
		if from.Namespace != pod.Namespace {
			lines = append(lines, fmt.Sprintf("kubectl get networkpolicy -n %s", from.Namespace))
		}
		lines = append(lines, fmt.Sprintf("kubectl exec -n %s %s -- nc -vz -w 3 %s %d    # silence: dropped; refused: nothing listens", from.Namespace, from.Name, q.host(), q.Question.Port))
	}
	if service := q.Snapshot.service(q.Question.To); service != nil {
		lines = append(lines, fmt.Sprintf("kubectl get endpointslices -n %s -l kubernetes.io/service-name=%s", service.Namespace, service.Name))
	}
	return lines
}

// host is what a client would dial.
func (q *inquiry) host() string {
	switch {
	case q.Question.Name != "":
		return q.Question.Name
	case q.Question.To.Kind == policy.KindService:
		return q.Question.To.Name + "." + q.Question.To.Namespace
	case q.Question.To.Kind == policy.KindAddress:
		return q.Question.To.Address.String()
	}
	if pod := q.Snapshot.pod(q.Question.Pod); pod != nil {
		return pod.Status.PodIP
	}
	return q.Question.To.Name
}
