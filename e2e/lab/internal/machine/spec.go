package machine

// Spec says how a machine is set up. The init applies it inside its own
// namespaces, before it starts anything.
type Spec struct {
	// Name is the machine's host name.
	Name string `json:"name"`
	// Socket is where the init takes requests, a path of the host.
	Socket string `json:"socket"`
	// Sysctls are written below /proc/sys, keyed by path ("net/ipv4/ip_forward").
	// A key that the kernel does not have is passed over: families can be off.
	Sysctls map[string]string `json:"sysctls,omitempty"`
	// Private maps a directory of the machine to the host directory that stands
	// in its place; an empty one means a tmpfs of the machine's own.
	Private map[string]string `json:"private,omitempty"`
	// Shared are host directories that stay visible at their paths although a
	// directory above them is private.
	Shared []string `json:"shared,omitempty"`
	// Forward is an address inside the machine. When set, every connection that
	// the maker's listener accepts (SpawnOptions.Listener) is passed on to it.
	Forward string `json:"forward,omitempty"`
}

// Component is a program that a machine runs.
type Component struct {
	Name string   `json:"name"`
	Argv []string `json:"argv"` // argv[0] is an absolute path
	Env  []string `json:"env,omitempty"`
	Log  string   `json:"log"` // a file, appended to
}

// State says how a component is doing.
type State struct {
	Name string `json:"name"`
	// PID is the component's pid inside the machine, 0 when it has ended.
	PID int `json:"pid"`
	// Exit says how it ended: "exit status 1", "killed"; empty while it runs.
	Exit string `json:"exit,omitempty"`
	Log  string `json:"log"`
}

// Running tells whether the component has not ended.
func (s State) Running() bool { return s.PID != 0 }
