package probe

import (
	"context"
	"errors"
	"fmt"
)

// AskQuietly has the source's agent make one attempt again and reads it together with what the destination's agent
// knows: who refused, and how far the packets came. The caller sees to it that nothing else reaches or leaves the
// destination's pod meanwhile, because its counters are taken as the attempt's. port is the pod's own port where a
// Service translates it, and zero otherwise. The error says that one of the agents could not be asked.
func AskQuietly(ctx context.Context, source, destination *ControlClient, a Attempt, port uint16) (Result, error) {
	result, err := askQuietly(ctx, source, destination, a, port)
	if err != nil {
		return Result{}, fmt.Errorf("ask quietly: %w", err)
	}
	return result, nil
}

func askQuietly(ctx context.Context, source, destination *ControlClient, a Attempt, port uint16) (Result, error) {
	// The destination answers for itself, so that nobody has to wait for a spent budget of ICMP errors.
	a.ICMPWait = -1
	batch, err := NewBatch([]Attempt{a})
	if err != nil {
		return Result{}, err
	}
	before, err := destination.Evidence(ctx, EvidenceQuestion{})
	if err != nil {
		return Result{}, err
	}
	var result *Result
	if err := source.Run(ctx, batch, func(_ int, r Result) { result = &r }); err != nil {
		return Result{}, err
	}
	if result == nil {
		return Result{}, errors.New("the batch ended without result")
	}
	after, err := destination.Evidence(ctx, EvidenceQuestion{Nonces: []Nonce{result.Nonce}, Ports: result.Ports, After: before.Mark})
	if err != nil {
		return Result{}, err
	}
	known := after.Destination(a, result.Observation, port).InQuietRound(a.Protocol, before.Counters, after.Counters)
	result.Reading = Classify(a, result.Observation, &known)
	return *result, nil
}
