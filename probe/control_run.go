package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// Run makes the agent attempt the batch and delivers each result with the index of its attempt, as it comes. It
// returns nil when every result was delivered. After ErrStreamLost, or when ctx has ended, the attempts go on: Run on
// another stream, or the same, takes up where this one ended. It fails with ErrBatchLost if the agent has not got
// the batch any more, and with a *ControlError if the agent cannot take it. deliver is called by one goroutine.
func (c *ControlClient) Run(ctx context.Context, b *Batch, deliver func(index int, r Result)) error {
	for {
		err := c.Start(ctx, b)
		var refused *ControlError
		busy := errors.As(err, &refused) && refused.Code == CodeBusy
		if err != nil && !(busy && b.underWay()) {
			return err
		}
		// What does not fit the agent together goes one after the other.
		if err := c.Collect(ctx, b, deliver); err != nil || !busy {
			return err
		}
	}
}

// Start makes the agent begin the attempts of the batch and returns without waiting for results. What the agent has
// accepted before is not begun again.
func (c *ControlClient) Start(ctx context.Context, b *Batch) error {
	if err := c.knows(b); err != nil {
		return fmt.Errorf("start batch: %w", err)
	}
	for i := range b.Parts {
		part := &b.Parts[i]
		if part.Accepted {
			continue
		}
		if len(b.attempts) < part.First+part.Count {
			return fmt.Errorf("start batch: %w: the agent never accepted part %q, and its attempts are not here", ErrBatchLost, part.Name)
		}
		attempts := b.attempts[part.First : part.First+part.Count]
		if _, err := c.request(ctx, frame{Type: frameRun, Batch: part.Name, Attempts: attempts}, frameAccepted); err != nil {
			return fmt.Errorf("start batch: %w", err)
		}
		part.Accepted, b.Instance = true, c.agent.Instance
	}
	return nil
}

// knows fails if the agent on this stream is not the one that accepted the batch.
func (c *ControlClient) knows(b *Batch) error {
	if b.Instance != "" && b.Instance != c.agent.Instance {
		return fmt.Errorf("%w: the agent was restarted", ErrBatchLost)
	}
	return nil
}

// Collect delivers the results of what was started of a batch, as Run does.
func (c *ControlClient) Collect(ctx context.Context, b *Batch, deliver func(index int, r Result)) error {
	if err := c.knows(b); err != nil {
		return fmt.Errorf("collect batch: %w", err)
	}
	if err := c.collect(ctx, b, deliver); err != nil {
		return fmt.Errorf("collect batch: %w", err)
	}
	return nil
}

func (c *ControlClient) collect(ctx context.Context, b *Batch, deliver func(index int, r Result)) error {
	answers := newControlAnswers()
	collecting := make(map[uint64]*BatchPart)
	defer func() {
		for id := range collecting {
			c.forgetRequest(id)
			c.leave(id)
		}
	}()
	for i := range b.Parts {
		part := &b.Parts[i]
		if !part.Accepted || part.Finished {
			continue
		}
		id, err := c.ask(frame{Type: frameCollect, Batch: part.Name, After: part.Received}, answers)
		if err != nil {
			return err
		}
		collecting[id] = part
	}
	for len(collecting) > 0 {
		frames, err := c.next(ctx, answers)
		if err != nil {
			return err
		}
		for _, f := range frames {
			part := collecting[f.ID]
			if err := c.collectFrame(part, f, deliver); err != nil {
				return err
			}
			if part.Finished {
				c.forgetRequest(f.ID)
				delete(collecting, f.ID)
			}
		}
	}
	return nil
}

// forgetEvery is how many results are delivered before the agent may forget them.
const forgetEvery = 512

// collectFrame takes one answer to a collection.
func (c *ControlClient) collectFrame(part *BatchPart, f frame, deliver func(index int, r Result)) error {
	switch f.Type {
	case frameResult:
		var r Result
		if err := json.Unmarshal(f.Result, &r); err != nil {
			return fmt.Errorf("result %d of part %q: %w", f.Sequence, part.Name, err)
		}
		if f.Sequence != part.Received+1 || f.Index < 0 || f.Index >= part.Count {
			return fmt.Errorf("result %d of part %q, index %d of %d: it does not follow result %d",
				f.Sequence, part.Name, f.Index, part.Count, part.Received)
		}
		deliver(part.First+f.Index, r)
		part.Received++
		if part.Received%forgetEvery == 0 {
			return c.forget(part)
		}
		return nil
	case frameTrailer:
		if f.Count != part.Count || part.Received != part.Count {
			return fmt.Errorf("part %q has %d attempts, the agent counts %d results, and %d came", part.Name, part.Count, f.Count, part.Received)
		}
		part.Finished = true
		c.forget(part) // everything is here, whatever becomes of the stream
		return nil
	case frameError:
		err := &ControlError{f.Code, f.Message}
		if f.Code == CodeUnknownBatch {
			return fmt.Errorf("%w: %w", ErrBatchLost, err)
		}
		return err
	}
	return fmt.Errorf("agent answers a collection with %q", f.Type)
}

// forget lets the agent drop the results that were delivered. Nobody waits for the answer.
func (c *ControlClient) forget(part *BatchPart) error {
	id, err := c.ask(frame{Type: frameForget, Batch: part.Name, After: part.Received}, newControlAnswers())
	c.forgetRequest(id)
	return err
}

// leave ends a collection early. On a stream that is lost there is nothing to leave.
func (c *ControlClient) leave(collection uint64) {
	if id, err := c.ask(frame{Type: frameLeave, Of: collection}, newControlAnswers()); err == nil {
		c.forgetRequest(id)
	}
}

// Cancel ends the attempts of the batch: those that are undecided become Error, and are to be collected like all
// others. A nil batch means everything that the agent has under way, whoever began it.
func (c *ControlClient) Cancel(ctx context.Context, b *Batch) error {
	parts := []BatchPart{{Accepted: true}}
	if b != nil {
		parts = b.Parts
	}
	for _, part := range parts {
		if part.Finished {
			continue
		}
		_, err := c.request(ctx, frame{Type: frameCancel, Batch: part.Name}, frameDone)
		// What was sent may have been accepted though nobody waited for the answer.
		var refused *ControlError
		if unknown := errors.As(err, &refused) && refused.Code == CodeUnknownBatch; err != nil && (part.Accepted || !unknown) {
			return fmt.Errorf("cancel batch: %w", err)
		}
	}
	return nil
}
