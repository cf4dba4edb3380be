package cluster

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// Hook says how the policy engine's packets reach it.
type Hook string

// What Hook can be.
const (
	// NFTQueue is the engine's own way, the queue expression of nftables.
	NFTQueue Hook = "nftables queue"
	// XTablesQueue is a rule of the lab's own, for kernels without that
	// expression. The engine then sees the first packet of forwarded
	// connections only: what it does with established connections and with
	// traffic of the node itself is not representative.
	XTablesQueue Hook = "xtables NFQUEUE (this kernel has no nftables queue): new forwarded connections only"
	// NoHook is the hook of no engine.
	NoHook Hook = "none"
)

// state is what is known of a lab that is up. It is written last, so that a
// lab whose start was cut short has none.
type state struct {
	Options Options `json:"options"`
	Hook    Hook    `json:"hook"`
	Bin     string  `json:"bin"` // the folder of the programs that it runs
	// Engines are those of the nodes that have another than the lab's.
	Engines map[string]Engine `json:"engines,omitempty"`
}

func (l layout) writeState(s state) error {
	data, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(l.stateFile()+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(l.stateFile()+".new", l.stateFile())
}

// errDown says that there is no such lab, or only the remains of one.
var errDown = errors.New("it is not up")

func (l layout) readState() (state, error) {
	data, err := os.ReadFile(l.stateFile())
	if errors.Is(err, fs.ErrNotExist) {
		return state{}, fmt.Errorf("lab %q: %w", l.name, errDown)
	}
	if err != nil {
		return state{}, err
	}
	var s state
	if err := json.Unmarshal(data, &s); err != nil {
		return state{}, fmt.Errorf("read %q: %w", l.stateFile(), err)
	}
	return s, nil
}

// machines returns the machines of the lab that are running, by name.
func (l layout) machines() ([]*machine.Machine, error) {
	records, err := filepath.Glob(l.record("*"))
	if err != nil {
		return nil, err
	}
	var found []*machine.Machine
	for _, path := range records {
		name := filepath.Base(path[:len(path)-len(filepath.Ext(path))])
		m, err := machine.Open(name, l.socket(name), path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		found = append(found, m)
	}
	return found, nil
}
