package scenarios

import "net/netip"

// Loader reads scenarios. The zero value reads files of the system and leaves variables and external addresses at their defaults.
type Loader struct {
	// Variables replace the values of the variables with these names. A name that a scenario does not declare is ignored.
	Variables map[string]string
	// External replace the addresses of the external hosts with these names.
	External map[string][]netip.Addr
	// ReadFile reads a scenario or a policy file; os.ReadFile if nil.
	ReadFile func(name string) ([]byte, error)
}

// source remembers where the parts of a scenario stand in its file.
type source struct {
	file string
}
