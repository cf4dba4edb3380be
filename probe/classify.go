package probe

import (
	"fmt"
	"strings"
	"time"
)

// neighbourTimeout is how long Linux asks for a link-layer address before it gives up and says EHOSTUNREACH: three
// probes, one second apart (mcast_solicit in arp(7)). Silence that was watched for less may be that of a dead address.
const neighbourTimeout = 3200 * time.Millisecond

// Classify derives what an observation of an attempt means. It is pure: no clock, no system, no state. d is what the
// other end knows and may be nil; a later join of the same observation with it derives the outcome again.
func Classify(a Attempt, o Observation, d *Destination) Reading {
	if d == nil {
		d = &Destination{}
	}
	if o.Held {
		// What the log knows of the nonce may be the first question.
		o.Held, d = false, &Destination{}
		r := Classify(a, o, d)
		r.Reason = "held connection: " + r.Reason
		return r
	}
	switch {
	case o.Failure != "":
		return Reading{Outcome: Error, Reason: "could not ask: " + o.Failure}
	case unsupportedErrnos[o.Errno]:
		return Reading{Outcome: Unsupported, Reason: fmt.Sprintf("this system does not speak %s to %s: %s", a.Protocol, a.Host, o.Errno)}
	case a.Protocol == DNS:
		return classifyQueries(a, o)
	case o.Phase == PhaseLookup:
		return classifyLookup(a, o)
	case o.Phase == PhaseDone:
		return classifyAnswer(a, o)
	case o.EOF:
		return Reading{Outcome: Closed, Reason: fmt.Sprintf("connected to %s, which closed the connection without an answer: the application or a proxy", o.Remote)}
	case o.Errno != "":
		return classifyErrno(a, o, d)
	case o.Phase == PhaseExchange && a.Protocol != UDP:
		return classifyStall(a, o)
	default:
		return classifySilence(a, o, d)
	}
}

// unsupportedErrnos are those of socket(2) for a missing protocol or family.
var unsupportedErrnos = map[string]bool{
	"EPROTONOSUPPORT": true, "ESOCKTNOSUPPORT": true, "EAFNOSUPPORT": true, "EPFNOSUPPORT": true, "ENOSYS": true,
}

func classifyAnswer(a Attempt, o Observation) Reading {
	wrong := func(format string, args ...any) Reading {
		return Reading{Outcome: WrongResponder, Reason: fmt.Sprintf(format, args...)}
	}
	switch id := o.Identity; {
	case a.Foreign && a.Protocol == HTTP && o.HTTPStatus == 0:
		return wrong("%s answered with %q, which is no HTTP", o.Remote, o.ForeignAnswer)
	case a.Foreign:
		return Reading{Outcome: Connected, Reason: foreignReason(a, o)}
	case id == nil:
		return wrong("%s answered with %q, which is no responder of ours", o.Remote, o.ForeignAnswer)
	case o.Unsigned:
		return wrong("%s answered as pod %s, but without the signature of this run", o.Remote, podName(id))
	case a.UID != "" && id.UID != a.UID:
		return wrong("pod %s with UID %q answered, want UID %q", podName(id), id.UID, a.UID)
	case !id.Nonce.IsZero() && id.Nonce != o.Nonce:
		return wrong("pod %s answered another question: nonce %s, want %s", podName(id), id.Nonce, o.Nonce)
	}
	reason := fmt.Sprintf("pod %s answered in %s", podName(o.Identity), brief(o.Connect+o.Exchange))
	if seen := o.Identity.Source; seen.IsValid() && seen != o.Local {
		reason += fmt.Sprintf("; it saw us as %s, not %s: source NAT or a proxy", seen, o.Local)
	}
	return Reading{Outcome: Connected, Reason: reason}
}

func foreignReason(a Attempt, o Observation) string {
	switch {
	case a.Protocol == HTTP:
		return fmt.Sprintf("%s answered HTTP %d in %s", o.Remote, o.HTTPStatus, brief(o.Connect+o.Exchange))
	case a.Protocol == UDP:
		return fmt.Sprintf("%s sent a datagram back in %s", o.Remote, brief(o.Exchange))
	default:
		return fmt.Sprintf("handshake with %s finished in %s", o.Remote, brief(o.Connect))
	}
}

func classifyStall(a Attempt, o Observation) Reading {
	r := Reading{Outcome: Stalled, ErrorProbability: silenceProbability(a.Loss, o.DataTries)}
	r.Inconclusive = r.ErrorProbability > MaxErrorProbability
	cause := "the application or a proxy does not answer"
	if o.TCPInfo != nil && o.TCPInfo.Unacked > 0 {
		cause = "our data was not acknowledged"
		if a.Payload > 0 {
			cause += fmt.Sprintf(", %d bytes of it: a too small MTU, or the path closed", a.Payload)
		}
	}
	r.Reason = fmt.Sprintf("connected to %s, then silence for %s: %s", o.Remote, brief(o.Waited), cause)
	if r.Inconclusive {
		r.Reason += lossReason(r)
	}
	return r
}

func classifySilence(a Attempt, o Observation, d *Destination) Reading {
	r := Reading{Outcome: Timeout, Where: WhereUnknown, ErrorProbability: silenceProbability(a.Loss, o.Tries)}
	r.Inconclusive = r.ErrorProbability > MaxErrorProbability
	asked := fmt.Sprintf("no answer to %s in %s", count(o.Tries, packetName(a.Protocol)), brief(o.Waited))
	if o.Rounds > 1 {
		asked += fmt.Sprintf(" and %d rounds", o.Rounds)
	}

	switch {
	case a.Protocol == UDP && d.Quiet && d.NoPorts > 0 && o.ICMPLimited:
		return Reading{Outcome: Refused, Origin: OriginPod, Reason: fmt.Sprintf(
			"the pod counted %s to a port without listener; its ICMP errors are rate limited: nothing listens on %d", count(d.NoPorts, "datagram"), o.Remote.Port())}
	case d.Gone:
		return Reading{Outcome: Unreachable, Reason: asked + ": the pod is gone"}
	case d.SYNReceived == Yes || d.Arrived == Yes:
		r.Where, r.Reason = WhereReturn, asked+": the pod received it, so its answer was dropped"
	case d.Quiet && (d.OutRsts > 0 || d.NoPorts > 0):
		r.Where, r.Reason = WhereReturn, asked+": the pod refused it, and the refusal was dropped"
	case d.Quiet && d.ListenDrops > 0:
		r.Where, r.Reason = WhereDestination, asked+": the pod's accept queue is full"
	case d.Quiet && d.InPackets > 0 && a.Protocol == UDP:
		r.Where, r.Reason = WhereDestination, asked+": it reached the pod's network namespace, which did not answer"
	case forwardDrop(a, d):
		r.Where, r.Reason = WhereForward, asked+": nothing reached the pod: dropped on the way to it"
	case a.Protocol == UDP && a.Foreign:
		r.Inconclusive = true
		r.Reason = asked + ": dropped, or received and not answered"
		return r
	case o.ICMPLimited:
		r.Inconclusive = true
		r.Reason = asked + " while ICMP errors were rate limited: dropped, or refused without a word"
		return r
	default:
		r.Reason = asked + ": dropped"
		if o.Waited < neighbourTimeout {
			r.Reason += ", or address gone"
		}
	}
	if r.Inconclusive {
		r.Reason += lossReason(r)
	}
	return r
}

// forwardDrop tells whether d proves that nothing arrived: no packet was counted in a quiet round, or the log of a
// responder that listens on the port has nothing. Segments that were counted prove nothing, because the pod's own
// control connection makes some.
func forwardDrop(a Attempt, d *Destination) bool {
	switch {
	case d.Quiet && d.InPackets == 0:
		return true
	case d.Listening == No || d.Arrived != No:
		return false
	}
	return a.Protocol == UDP || d.SYNReceived == No
}

func lossReason(r Reading) string {
	return fmt.Sprintf(" (or lost: the chance is %.1g)", r.ErrorProbability)
}

func packetName(p Protocol) string {
	switch p {
	case UDP:
		return "datagram"
	case SCTP:
		return "INIT"
	default:
		return "SYN"
	}
}

func podName(id *Identity) string {
	if id.Pod == "" {
		return "(unnamed)"
	}
	if id.Namespace == "" {
		return id.Pod
	}
	return id.Namespace + "/" + id.Pod
}

func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// brief rounds a duration to what a human reads: two digits below ten milliseconds, else tenths of a second or whole
// milliseconds.
func brief(d time.Duration) string {
	switch {
	case d >= time.Second:
		return d.Round(100 * time.Millisecond).String()
	case d >= 10*time.Millisecond:
		return d.Round(time.Millisecond).String()
	default:
		return strings.Replace(d.Round(10*time.Microsecond).String(), "µ", "u", 1)
	}
}
