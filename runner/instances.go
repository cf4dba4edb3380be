package runner

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// instanceTimeout bounds the question which program answers in a pod. It is asked over a stream that is open already, as long as
// the agent lives and the streams are enough for all, see [lane.queueing].
const instanceTimeout = 5 * time.Second

// instance is the run of an agent's program, or why it is not known.
type instance struct {
	name string
	err  error
}

// instances are those of all agents, by the pods' names.
func (l *lane) instances(ctx context.Context) map[string]instance {
	ctx, cancel := context.WithTimeout(ctx, instanceTimeout+l.queueing())
	defer cancel()
	var mu sync.Mutex
	var all sync.WaitGroup
	found := map[string]instance{}
	for name := range l.book.pods {
		all.Go(func() {
			introduction, err := l.agent(name).Introduction(ctx)
			mu.Lock()
			defer mu.Unlock()
			found[name] = instance{introduction.Instance, err}
		})
	}
	all.Wait()
	return found
}

// replaced says of each pod whose agent is not the one of before that it is not, and why. Where nobody listens for a while, the kernel
// refuses in the pod's name, and an agent that came later knows nothing of it: that says nothing about policies.
func (l *lane) replaced(ctx context.Context, before map[string]instance) map[string]string {
	found := map[string]string{}
	for name, now := range l.instances(ctx) {
		why := ""
		switch then := before[name]; {
		case now.err != nil:
			why = fmt.Sprintf("its agent does not answer: %v", now.err)
		case then.err != nil:
			why = fmt.Sprintf("its agent did not answer when the step began: %v", then.err)
		case then.name != now.name:
			why = "its agent was started again"
		default:
			continue
		}
		if pod := l.book.pods[name]; l.cluster.PodIncidents(pod.Namespace, pod.Name).Last != "" {
			why = l.cluster.PodIncidents(pod.Namespace, pod.Name).Last
		}
		found[name] = why
	}
	return found
}
