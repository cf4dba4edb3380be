package cluster

import (
	"crypto/rand"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/probe"
)

// Options say how to work in a cluster. Run, Token, Image and Expires are needed, the zero values of all others are sensible.
type Options struct {
	// Run is the id of the run.
	Run string
	// Token is the secret that the agents of the run share with the runner.
	Token probe.Token
	// Owner says whose run it is, such as a user's name. Characters that no label may have are replaced.
	Owner string
	// Process says which process runs it, see [ThisProcess].
	Process string
	// Expires is when leftovers of the run may be removed by anybody. Probe pods end then by themselves.
	Expires time.Time
	// Image is the reference of the agent's image.
	Image string
	// PullPolicy is that of the image; empty leaves it to the cluster. PullSecrets are names of Secrets in the namespaces of the pods.
	PullPolicy  corev1.PullPolicy
	PullSecrets []string
	// PullTimeout is how long a node may pull the image. Zero means DefaultPullTimeout.
	PullTimeout time.Duration
	// NodeSelector and Tolerations say where probe pods may run.
	NodeSelector map[string]string
	Tolerations  []corev1.Toleration
	// Tenant is the one namespace to work in with rights in it alone. Empty means rights in the whole cluster.
	Tenant string
	// Guest says that the run's pods stand in namespaces of others, and that pods are watched in those alone that were prepared for it.
	Guest bool
	// Reserve are namespaces that exist and that the run uses instead of creating some, with rights in them alone.
	Reserve []string
	// Kept says that the objects are meant to outlive the run.
	Kept bool
	// Context is the name of the kubeconfig's context, for the report.
	Context string
	// Channel is how control streams reach the agents. Empty means PortForward.
	Channel Channel
	// Streams bounds the control streams that are open at once. Zero means DefaultStreams.
	Streams int
}

// confined are the namespaces that the run has rights in. None means the whole cluster.
func (o *Options) confined() []string {
	if o.Tenant != "" {
		return []string{o.Tenant}
	}
	return o.Reserve
}

// NewToken returns a secret that nobody can guess.
func NewToken() probe.Token { return probe.Token(rand.Text()) }

// Channel is a way to an agent's control port.
type Channel string

// The channels.
const (
	// PortForward needs the right to create pods/portforward.
	PortForward Channel = "port-forward"
	// Exec runs a relay in the probe pod and needs the right to create pods/exec.
	Exec Channel = "exec"
)

// Channels are all channels.
func Channels() []Channel { return []Channel{PortForward, Exec} }

// DefaultStreams is the number of control streams that are open at once.
const DefaultStreams = 50

// Rates of new control streams. The API server does not limit them.
const (
	streamsPerSecond = 20
	streamsBurst     = 50
)
