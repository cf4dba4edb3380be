package probe

// Outcome says in one word what the wire answered. The set is closed.
type Outcome string

// The outcomes.
const (
	// Connected: the expected responder echoed our nonce; towards a foreign host, the handshake finished.
	Connected Outcome = "connected"
	// Timeout: silence. This is what a policy that drops looks like; [Reading.Where] says how far the packets came.
	Timeout Outcome = "timeout"
	// Refused: the packet arrived at the address and nothing listens, or nothing proves that anyone else refused it.
	Refused Outcome = "refused"
	// Rejected: a refusal that came from the network, from a policy or a Service, and not from the pod.
	Rejected Outcome = "rejected"
	// Reset: connected, then reset before our nonce came back. The application or a proxy, never a policy.
	Reset Outcome = "reset"
	// Closed: connected, then end of file before our nonce came back.
	Closed Outcome = "closed"
	// Stalled: connected, then silence before our nonce came back: the application, a proxy or the MTU.
	Stalled Outcome = "stalled"
	// Unreachable: no route, or nobody has the address.
	Unreachable Outcome = "unreachable"
	// DNSFailure: the name did not resolve; [Query.Code] says how.
	DNSFailure Outcome = "dns-failure"
	// WrongResponder: somebody answered who is not the expected pod.
	WrongResponder Outcome = "wrong-responder"
	// Unsupported: this kernel or system lacks the protocol or the address family.
	Unsupported Outcome = "unsupported"
	// Error: we could not ask. It is never evidence for a verdict.
	Error Outcome = "error"
)

// Outcomes returns the closed set, in the order of the documentation.
func Outcomes() []Outcome {
	return []Outcome{
		Connected, Timeout, Refused, Rejected, Reset, Closed, Stalled, Unreachable, DNSFailure, WrongResponder,
		Unsupported, Error,
	}
}

// Where says how far the packets of a [Timeout] came.
type Where string

// The places where a timeout can come from.
const (
	// WhereUnknown: silence looks the same from here whatever caused it.
	WhereUnknown Where = "unknown"
	// WhereForward: the destination saw nothing.
	WhereForward Where = "forward"
	// WhereReturn: the destination saw our packet and answered; the answer was lost.
	WhereReturn Where = "return"
	// WhereDestination: the packet reached the destination, which could not take it (backlog full).
	WhereDestination Where = "destination"
)

// Origin says who refused, for [Refused] and [Rejected].
type Origin string

// The origins of a refusal.
const (
	// OriginUnknown: the refusal carries the destination's address, which a box on the way can forge.
	OriginUnknown Origin = "unknown"
	// OriginPod: the destination's own evidence proves the refusal.
	OriginPod Origin = "pod"
	// OriginNetwork: a box on the way refused.
	OriginNetwork Origin = "network"
	// OriginSource: the refusal was made on this side, before any packet left.
	OriginSource Origin = "source"
)
