package probe

import (
	"context"
	"slices"
	"sync"
)

// keptResult is a result that its runner has not forgotten.
type keptResult struct {
	index int
	json  []byte
}

// batchWork is the agent's side of a batch: its attempts, and the results that nobody has forgotten yet.
type batchWork struct {
	count  int
	cancel context.CancelFunc

	mu       sync.Mutex
	kept     []keptResult
	forgot   int           // kept[0] has sequence number forgot+1
	finished bool          // no result will follow
	told     bool          // a trailer was sent, or nobody waits for one
	changed  chan struct{} // closed and replaced when a result or the end comes
	ended    chan struct{} // closed when finished
}

// add keeps one more result.
func (b *batchWork) add(r keptResult) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = append(b.kept, r)
	b.signal()
}

// finish says that no result will follow.
func (b *batchWork) finish() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.finished = true
	close(b.ended)
	b.signal()
}

func (b *batchWork) signal() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// after returns the results after the sequence number, whether they are the last, and a channel that closes when
// there are more. It fails if such results are forgotten already.
func (b *batchWork) after(sequence int) (results []keptResult, last bool, changed <-chan struct{}, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if sequence < b.forgot || sequence > b.forgot+len(b.kept) {
		return nil, false, nil, refusal(CodeUnknownBatch, "the batch holds the results %d to %d, and not all after %d",
			b.forgot+1, b.forgot+len(b.kept), sequence)
	}
	return slices.Clone(b.kept[sequence-b.forgot:]), b.finished, b.changed, nil
}

// forget drops the results up to the sequence number.
func (b *batchWork) forget(sequence int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	drop := min(max(sequence-b.forgot, 0), len(b.kept))
	clear(b.kept[:drop])
	b.kept = b.kept[drop:]
	b.forgot += drop
}

// load is the number of results that the batch holds or will hold.
func (b *batchWork) load() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.count - b.forgot
}

func (b *batchWork) setTold() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.told = true
}

// spare tells whether the batch may be dropped. It was collected to its end once, so that only a runner whose stream
// broke just then still wants it.
func (b *batchWork) spare() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.told
}

// batchTable holds the batches of an agent, of bounded load.
type batchTable struct {
	capacity int

	mu     sync.Mutex
	byName map[string]*batchWork
	names  []string // in the order of arrival
}

// admit returns the batch of that name, and makes it if there is none.
func (t *batchTable) admit(name string, count int, cancel context.CancelFunc) (b *batchWork, made bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.byName[name]; b != nil {
		if b.count != count {
			return nil, false, refusal(CodeMalformed, "batch %q has %d attempts already, and not %d", name, b.count, count)
		}
		return b, false, nil
	}
	if !t.makeRoom(count) {
		return nil, false, refusal(CodeBusy, "%d more attempts exceed the %d attempts and results that are held at most: collect or cancel first",
			count, t.capacity)
	}
	b = &batchWork{count: count, cancel: cancel, changed: make(chan struct{}), ended: make(chan struct{})}
	if t.byName == nil {
		t.byName = make(map[string]*batchWork)
	}
	t.byName[name] = b
	t.names = append(t.names, name)
	return b, true, nil
}

// makeRoom drops batches that were collected to their end, the oldest first, and tells whether it was enough.
func (t *batchTable) makeRoom(count int) bool {
	load := count
	for _, b := range t.byName {
		load += b.load()
	}
	for _, name := range slices.Clone(t.names) {
		if load <= t.capacity && len(t.byName) < t.capacity {
			break
		}
		if b := t.byName[name]; b.spare() {
			load -= b.load()
			t.remove(name)
		}
	}
	return load <= t.capacity && len(t.byName) < t.capacity
}

func (t *batchTable) get(name string) (*batchWork, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if b := t.byName[name]; b != nil {
		return b, nil
	}
	return nil, refusal(CodeUnknownBatch, "batch %q is not known here, or no longer", name)
}

// forget drops the results up to the sequence number, and the whole batch with its last result.
func (t *batchTable) forget(name string, sequence int) error {
	b, err := t.get(name)
	if err != nil {
		return err
	}
	b.forget(sequence)
	if b.load() == 0 {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.remove(name)
	}
	return nil
}

func (t *batchTable) remove(name string) {
	delete(t.byName, name)
	t.names = slices.DeleteFunc(t.names, func(n string) bool { return n == name })
}

// cancel ends the attempts of a batch, or of all if name is empty. The results may go too when room is needed.
func (t *batchTable) cancel(name string) error {
	if name != "" {
		b, err := t.get(name)
		if err == nil {
			b.cancel()
			b.setTold()
		}
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, b := range t.byName {
		b.cancel()
		b.setTold()
	}
	return nil
}
