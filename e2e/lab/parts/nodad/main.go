// Command nodad is a CNI plugin that switches duplicate address detection
// off in a new pod's network namespace. It stands first in the lab's plugin
// list: the addresses that the next plugin assigns are then usable at once,
// where detection would hold each pod start back by one to two seconds
// (RFC 4862, 5.4). host-local hands every address out once, so there is
// nothing to detect.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"
	"github.com/containernetworking/plugins/pkg/ns"
)

func main() {
	skel.PluginMainFuncs(skel.CNIFuncs{Add: add, Check: nothing, Del: nothing}, version.All, "nodad")
}

func nothing(*skel.CmdArgs) error { return nil }

// add switches the sysctl for interfaces yet to be created and passes an
// empty result on.
func add(args *skel.CmdArgs) error {
	var conf types.NetConf
	if err := json.Unmarshal(args.StdinData, &conf); err != nil {
		return fmt.Errorf("parse network configuration: %w", err)
	}
	err := ns.WithNetNSPath(args.Netns, func(ns.NetNS) error {
		const sysctl = "/proc/sys/net/ipv6/conf/default/accept_dad"
		if err := os.WriteFile(sysctl, []byte("0"), 0o644); err != nil && !os.IsNotExist(err) {
			return err
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("switch duplicate address detection off in %q: %w", args.Netns, err)
	}
	return types.PrintResult(&current.Result{CNIVersion: conf.CNIVersion}, conf.CNIVersion)
}
