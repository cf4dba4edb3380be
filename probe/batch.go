package probe

import (
	"encoding/json"
	"fmt"
)

// Batch is a runner's side of a batch: attempts for one agent, and how far their results have come. It belongs to one
// caller at a time. In JSON it keeps everything but the attempts, so that a runner that was restarted can collect what
// an agent has accepted.
type Batch struct {
	// Instance is that of the agent which accepted the first part, empty before.
	Instance string      `json:"instance,omitempty"`
	Parts    []BatchPart `json:"parts"`

	attempts []Attempt
}

// BatchPart is what travels in one run request.
type BatchPart struct {
	Name string `json:"name"`
	// First is the index in the batch of the part's first attempt, Count the number of its attempts.
	First int `json:"first"`
	Count int `json:"count"`
	// Accepted says that the agent has it, Received how many results were delivered, and Finished that the trailer
	// agreed.
	Accepted bool `json:"accepted,omitempty"`
	Received int  `json:"received,omitempty"`
	Finished bool `json:"finished,omitempty"`
}

// Finished tells whether every result was delivered.
func (b *Batch) Finished() bool {
	for i := range b.Parts {
		if !b.Parts[i].Finished {
			return false
		}
	}
	return true
}

// underWay tells whether the agent has a part whose results are not all delivered.
func (b *Batch) underWay() bool {
	for i := range b.Parts {
		if b.Parts[i].Accepted && !b.Parts[i].Finished {
			return true
		}
	}
	return false
}

// NewBatch plans the requests that carry the attempts, which must not change any more. It fails if a single attempt is
// too long for a line.
func NewBatch(attempts []Attempt) (*Batch, error) {
	// A quarter of the line is room for the frame around the attempts.
	const room = MaxControlLine / 4 * 3
	b := &Batch{attempts: attempts}
	name := newChallenge()[:16]
	size := room
	for i, a := range attempts {
		text, err := json.Marshal(a)
		if err != nil {
			return nil, fmt.Errorf("plan batch: encode attempt %d: %w", i, err)
		}
		length := len(text) + len(",")
		if length > room {
			return nil, fmt.Errorf("plan batch: attempt %d takes %d bytes, at most %d are allowed", i, length, room)
		}
		if last := len(b.Parts) - 1; size+length > room || b.Parts[last].Count == MaxRunAttempts {
			b.Parts = append(b.Parts, BatchPart{Name: fmt.Sprintf("%s-%d", name, len(b.Parts)), First: i})
			size = 0
		}
		b.Parts[len(b.Parts)-1].Count++
		size += length
	}
	return b, nil
}
