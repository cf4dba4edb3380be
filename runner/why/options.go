package why

import (
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/runner/diagnose"
	"github.com/podknock/podknock/scenarios/policy/subject"
)

// Options are a question and how to ask it. From and To are needed, the zero values of all others are sensible.
type Options struct {
	From subject.Reference
	To   subject.Target
	// Expect is what the asker wants; empty if he only wants to know.
	Expect diagnose.Expect
	// Static asks the policies alone and creates nothing.
	Static bool
	// Ephemeral asks from within the real source pod, by a container that can never be removed from it.
	Ephemeral bool
	// HTTP is a path to ask the real destination for; empty sends it no application data.
	HTTP string

	// Run is the id of everything that is created.
	Run string
	// Confirm shows what would be created and says whether it may be. Nil means yes.
	Confirm func(plan []string) error
	// Progress is told what is being done, in words. Nil tells nobody.
	Progress func(string)
	// Timeouts bound the steps.
	Timeouts Timeouts
}

// Timeouts bound the steps of a question. Zero means the default.
type Timeouts struct {
	// Read bounds reading the objects. Default 30 s.
	Read time.Duration
	// Start bounds the start of the probe pods. Default [DefaultStartTimeout].
	Start time.Duration
	// Ask bounds one round of questions to the wire. Default 15 s.
	Ask time.Duration
	// Canary bounds the time that a policy of our own gets to take effect. Default 3 s.
	Canary time.Duration
	// CleanUp bounds the removal of what was created. Default 30 s.
	CleanUp time.Duration
}

// DefaultStartTimeout is how long probe pods may take to start: their image is small, and may have to be fetched.
const DefaultStartTimeout = 20 * time.Second

func (t Timeouts) withDefaults() Timeouts {
	for _, one := range []struct {
		value    *time.Duration
		standard time.Duration
	}{
		{&t.Read, 30 * time.Second}, {&t.Start, DefaultStartTimeout}, {&t.Ask, 15 * time.Second}, {&t.Canary, 3 * time.Second}, {&t.CleanUp, 30 * time.Second},
	} {
		if *one.value == 0 {
			*one.value = one.standard
		}
	}
	return t
}

// protocol is what was asked for, TCP if nothing was.
func (o *Options) protocol() corev1.Protocol {
	if o.To.Protocol == "" {
		return corev1.ProtocolTCP
	}
	return o.To.Protocol
}
