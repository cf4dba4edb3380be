package diagnose

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios/policy"
)

// Question is what somebody wants to know, with everything that the words left open filled in.
type Question struct {
	// From is the end that connects, To the one that is asked: a pod, a Service, a node or an address. To is missing for a name outside the
	// cluster.
	From policy.Endpoint `json:"from"`
	To   policy.Endpoint `json:"to,omitzero"`
	// Name is the DNS name that was given for To, or empty.
	Name string `json:"name,omitempty"`
	// Port is what the client dials.
	Port     int32           `json:"port"`
	Protocol corev1.Protocol `json:"protocol"`
	// Pod is the pod that answers for To: To itself, or a backend of the Service. It is the zero value where there is none.
	Pod policy.Endpoint `json:"pod,omitzero"`
	// PodPort is the port of that pod behind Port.
	PodPort int32 `json:"podPort,omitempty"`
	// Expect is what the asker wants; empty if he has not said.
	Expect Expect `json:"expect,omitempty"`
}

// Expect is what somebody wants of a connection.
type Expect string

// The wishes.
const (
	ExpectConnected Expect = "connected"
	ExpectBlocked   Expect = "blocked"
)

// String says the question in words.
func (q Question) String() string {
	return fmt.Sprintf("%s to %s on %d/%s", q.From, q.target(), q.Port, q.Protocol)
}

// target names the asked end.
func (q Question) target() string {
	if q.Name == "" {
		return q.To.String()
	}
	if q.To.Kind == "" {
		return q.Name
	}
	return fmt.Sprintf("%s (%s)", q.Name, q.To)
}

// wanted is the wish, and connected where none was said: nobody asks why something works.
func (q Question) wanted() Expect {
	if q.Expect == "" {
		return ExpectConnected
	}
	return q.Expect
}
