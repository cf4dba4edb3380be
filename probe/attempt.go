package probe

import (
	"net/netip"
	"time"
)

// Protocol is what an attempt speaks.
type Protocol string

// The protocols. The first three are spelled as in the Kubernetes API.
const (
	TCP  Protocol = "TCP"
	UDP  Protocol = "UDP"
	SCTP Protocol = "SCTP"
	HTTP Protocol = "HTTP" // one GET over TCP, without TLS
	DNS  Protocol = "DNS"  // one name, asked of a chosen server or of each server of resolv.conf
)

// Family restricts the addresses that a name may resolve to. Spelled as in the Kubernetes API.
type Family string

// The families. AnyFamily prefers IPv4 as the first answer of a lookup does.
const (
	AnyFamily Family = ""
	IPv4      Family = "IPv4"
	IPv6      Family = "IPv6"
)

// Attempt is one knock: what to speak, whom to ask, and how long to wait. The zero values of all fields but Protocol,
// Host and Port are sensible. In JSON all durations are nanoseconds.
type Attempt struct {
	// ID is chosen by the caller and comes back in the Result. The prober does not read it.
	ID string `json:"id,omitempty"`

	Protocol Protocol `json:"protocol"`
	// Host is an IP address, or a name that is looked up first, in DNS alone: /etc/hosts is not read. For DNS it is the
	// name to ask for.
	Host string `json:"host"`
	// Port is the destination's; unused for DNS, whose servers carry their own.
	Port uint16 `json:"port,omitempty"`
	// Family restricts what a name resolves to. An address in Host is taken as it is.
	Family Family `json:"family,omitempty"`

	// UID is that of the pod which has to answer; empty accepts any responder of ours.
	UID string `json:"uid,omitempty"`
	// Foreign says that the host runs no responder of ours: a finished TCP handshake is Connected, any UDP datagram in
	// return is, and the silence of UDP is inconclusive.
	Foreign bool `json:"foreign,omitempty"`

	// Payload is the size of the echo in bytes, for finding a too small MTU (64, 1400, 4096). Zero sends the smallest
	// request there is. At most [MaxPayload]. Over UDP a responder echoes it only to who shares its token.
	Payload int `json:"payload,omitempty"`

	// Hold keeps the first answered connection (UDP: the socket) for this long and asks once more on it; the outcome is
	// that of the second question, or of what ended the connection before. It shows what a policy does to established
	// flows. Only a responder that shares the prober's token waits that long, up to two minutes.
	Hold time.Duration `json:"holdNs,omitempty"`

	// OpenPort is a TCP port of the same host that is known to answer. After a reset the prober then learns with a few
	// more connects whether the reset came from as far away as the answers do, see [HopLimit]. Zero leaves that out.
	OpenPort uint16 `json:"openPort,omitempty"`

	Timing

	// Loss is the measured chance that a packet is lost in one direction, from 0 to 1. Zero means not measured, and
	// [DefaultLoss] is assumed.
	Loss float64 `json:"loss,omitempty"`
	// RTT is the measured round trip to the destination before any policy. The deadline is never below four times this.
	RTT time.Duration `json:"rttNs,omitempty"`

	HTTP *HTTPRequest `json:"http,omitempty"` // for Protocol HTTP
	DNS  *DNSQuestion `json:"dns,omitempty"`  // for Protocol DNS
}

// MaxPayload bounds Attempt.Payload: a datagram of this size fits any UDP socket buffer.
const MaxPayload = 16 << 10

// MaxHold bounds Attempt.Hold: a responder waits a little longer.
const MaxHold = 110 * time.Second

// Timing says how an attempt waits. A round opens Sockets sockets, Stagger apart, and waits until Timeout after its
// start. A silent first round is followed by a confirming one; the sockets of the first stay open meanwhile, so that
// a late answer still counts. The zero value is the default timing.
type Timing struct {
	// Timeout is the deadline of one round. Zero means [DefaultTimeout] (or four times Attempt.RTT if that is more). A
	// deadline of about a second is the worst choice, because the kernel sends its second SYN just then.
	Timeout time.Duration `json:"timeoutNs,omitempty"`
	// Sockets is the number of sockets (UDP: of datagrams) in a round. Zero means [DefaultSockets].
	Sockets int `json:"sockets,omitempty"`
	// Stagger is the time between them. Zero means [DefaultStagger].
	Stagger time.Duration `json:"staggerNs,omitempty"`
	// Confirm is the time from the start of the first round to that of the second. Zero means [DefaultConfirm]; less
	// than zero means that silence is not confirmed.
	Confirm time.Duration `json:"confirmNs,omitempty"`
	// ICMPWait is how long a silent attempt may queue to be asked once more when the destination or a box on the way
	// has used up its budget of ICMP errors. Zero means [DefaultICMPWait]; less than zero means not at all, for callers
	// who hold the destination's own evidence.
	ICMPWait time.Duration `json:"icmpWaitNs,omitempty"`
}

// The default timing.
const (
	DefaultTimeout  = 800 * time.Millisecond
	DefaultSockets  = 3
	DefaultStagger  = 100 * time.Millisecond
	DefaultConfirm  = 1200 * time.Millisecond
	DefaultICMPWait = 90 * time.Second
)

// The law of errors. With independent loss p in each direction one SYN stays unanswered with q = 1-(1-p)², and k of
// them with q^k.
const (
	// DefaultLoss is assumed where none was measured.
	DefaultLoss = 0.01
	// MaxErrorProbability is the q^k below which silence counts. SYNs are added until it is reached.
	MaxErrorProbability = 1e-6
	// MaxSYNs bounds that addition. Silence that needs more is inconclusive.
	MaxSYNs = 24
)

// HTTPRequest is the request of an HTTP attempt, a GET.
type HTTPRequest struct {
	// Path defaults to "/".
	Path string `json:"path,omitempty"`
	// Host is the Host header; it defaults to Attempt.Host.
	Host string `json:"host,omitempty"`
}

// DNSQuestion says how a DNS attempt asks.
type DNSQuestion struct {
	// Servers are asked concurrently, each on its own. Empty means each nameserver of resolv.conf.
	Servers []netip.AddrPort `json:"servers,omitempty"`
	// TCP forces TCP. Otherwise UDP is used, and TCP follows on a truncated answer.
	TCP bool `json:"tcp,omitempty"`
	// Absolute asks for Host as it is, without the search domains of resolv.conf. A trailing dot does the same.
	Absolute bool `json:"absolute,omitempty"`
}
