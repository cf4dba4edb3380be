package cluster

import (
	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// Fault is what was broken on purpose on a node.
type Fault struct {
	// Cut tells that no packet passes between the node and the others.
	Cut bool `json:"cut,omitempty"`
	// Stopped tells that the machine is off; Components are what it ran, and
	// runs again when it is started.
	Stopped    bool                `json:"stopped,omitempty"`
	Components []machine.Component `json:"components,omitempty"`
}
