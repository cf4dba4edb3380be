package probe

// Destination is what the other end knows about one attempt, for joining with the Observation. The reader of the
// responder's log and counters fills it; the zero value knows nothing.
type Destination struct {
	// Arrived says whether the log has this attempt: its nonce, or for TCP an accept from one of its source ports.
	// Unknown if the log could not be read whole.
	Arrived Known `json:"arrived,omitempty"`
	// SYNReceived says whether a SYN_RECV row names one of the attempt's source ports: then the SYN came, and the SYN-ACK
	// or its acknowledgement was lost.
	SYNReceived Known `json:"synReceived,omitempty"`
	// Listening says whether a socket of the pod listens on the port, from /proc/net/{tcp,udp}.
	Listening Known `json:"listening,omitempty"`
	// Quiet says that the counters below belong to this attempt: they were read before and after it alone, or their sum
	// accounts for every attempt of the batch. All of them have been read then, and zero means none.
	Quiet bool `json:"quiet,omitempty"`
	// OutRsts, NoPorts and ListenDrops are what the attempt added to the counters of that name (Tcp, Udp, TcpExt) in the
	// pod's network namespace. They prove something only in a quiet round.
	OutRsts     int `json:"outRsts,omitempty"`
	NoPorts     int `json:"noPorts,omitempty"`
	ListenDrops int `json:"listenDrops,omitempty"`
	// InPackets is what the attempt added to Tcp InSegs or Udp InDatagrams plus NoPorts plus InErrors. Of TCP only the
	// absence proves something: the pod's control connection is counted too.
	InPackets int `json:"inPackets,omitempty"`
	// Gone says that the API no longer knows the pod, or knows it without this address.
	Gone bool `json:"gone,omitempty"`
}

// Known is a fact that may also be unknown.
type Known string

// The values of Known.
const (
	Unknown Known = ""
	Yes     Known = "yes"
	No      Known = "no"
)
