// Package probe is the wire: it knocks on ports, listens on them, and says what the network answered.
//
// An [Attempt] describes one knock. A [Prober] makes it and returns a [Result], which has two layers. The
// [Observation] is what was seen: errno, ICMP messages, SYNs sent, round trips, who answered. The [Reading] is what
// that means: one [Outcome] of a closed set, with a reason in one line. [Classify] derives the second from the first
// and is pure, so that a reader who learns more later, for example from the [Destination]'s own log, derives the
// outcome again from the same record.
//
// # Guarantees
//
//   - Connected needs the echoed nonce of the expected responder. Towards a host without our responder
//     ([Attempt.Foreign]) it means a finished TCP handshake, and the silence of UDP proves nothing.
//   - Silence is called [Timeout] only with a number: [Reading.ErrorProbability] is the chance that packet loss alone
//     made it, and [Reading.Inconclusive] is set where that chance is not small.
//   - What this side could not ask (no descriptors, no ports, cancelled) is [Error], never a verdict about the network.
//   - Nothing here needs a capability or root, and the package imports the standard library and golang.org/x/sys only.
//
// # Non-goals
//
// The package does not judge whether an outcome is right: it knows no policy and no expectation. It does not parse
// TLS, does not follow HTTP redirects, and resolves names by asking DNS servers itself, without the C library and its
// other sources.
//
// The attempts run on Linux. On other systems the types, the classifier and the control protocol compile and work,
// and every attempt is [Unsupported].
package probe
