package probe

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
)

// resolvConf is what resolv.conf(5) says, as far as this package follows it: the options timeout, attempts and rotate
// are not, because an attempt has its own timing and asks each server.
type resolvConf struct {
	servers []netip.AddrPort
	search  []string
	ndots   int
}

const (
	dnsPort           = 53
	maxNameservers    = 3  // MAXNS
	maxNdots          = 15 // RES_MAXNDOTS
	maxSearch         = 32 // what Kubernetes allows in a pod's dnsConfig
	defaultResolvConf = "/etc/resolv.conf"
)

// readResolvConf reads the file at path. A missing file means the name server of the local machine.
func readResolvConf(path string) (resolvConf, error) {
	if path == "" {
		path = defaultResolvConf
	}
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return resolvConf{}, fmt.Errorf("read resolv.conf: %w", err)
	}
	return parseResolvConf(text), nil
}

// parseResolvConf ignores what it does not know, as the C library does.
func parseResolvConf(text []byte) resolvConf {
	conf := resolvConf{ndots: 1}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		line := lines.Text()
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		words := strings.Fields(line)
		if len(words) < 2 {
			continue
		}
		switch words[0] {
		case "nameserver":
			if address, err := netip.ParseAddr(words[1]); err == nil && len(conf.servers) < maxNameservers {
				conf.servers = append(conf.servers, netip.AddrPortFrom(address.Unmap(), dnsPort))
			}
		case "domain":
			conf.search = []string{words[1]}
		case "search": // the last search or domain line wins
			conf.search = words[1:min(len(words), 1+maxSearch)]
		case "options":
			for _, option := range words[1:] {
				if value, ok := strings.CutPrefix(option, "ndots:"); ok {
					if n, err := strconv.Atoi(value); err == nil && n >= 0 {
						conf.ndots = min(n, maxNdots)
					}
				}
			}
		}
	}
	if len(conf.servers) == 0 {
		conf.servers = []netip.AddrPort{netip.AddrPortFrom(netip.AddrFrom4([4]byte{127, 0, 0, 1}), dnsPort)}
	}
	return conf
}

// candidates returns the names to ask for, in order, as resolv.conf(5) says: a name with at least ndots dots is first
// tried as it is, any other last; a name that ends with a dot is tried only as it is.
func (c resolvConf) candidates(name string, absolute bool) []string {
	if bare, dotted := strings.CutSuffix(name, "."); dotted || absolute {
		return []string{bare}
	}
	var names []string
	for _, domain := range c.search {
		if domain = strings.Trim(domain, "."); domain != "" {
			names = append(names, name+"."+domain)
		}
	}
	if strings.Count(name, ".") >= c.ndots {
		return slices.Insert(names, 0, name)
	}
	return append(names, name)
}
