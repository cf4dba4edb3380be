package cluster

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
	"github.com/podknock/podknock/e2e/lab/internal/parts"
)

const (
	pauseImage   = parts.ImagePrefix + "pause:lab"
	coreDNSImage = parts.ImagePrefix + "coredns:lab"
)

func imageArchives(bin string) []string {
	var archives []string
	for _, name := range parts.Images {
		archives = append(archives, filepath.Join(bin, name+".tar"))
	}
	return archives
}

// importImage gives a node the images of one archive.
func importImage(ctx context.Context, node *machine.Machine, bin, archive string) error {
	out, err := node.Command(ctx, bin+"/ctr", "--address", runtimeSocket, "--namespace", "k8s.io",
		"images", "import", "--local", archive).CombinedOutput()
	if err != nil {
		return fmt.Errorf("import images from %q on %s: %w: %s", archive, node.Name, err, strings.TrimSpace(string(out)))
	}
	return nil
}

// Load imports image archives, of the OCI or the docker kind, on every node.
func Load(ctx context.Context, name string, archives []string) error {
	l := layout{name}
	s, err := l.readState()
	if err != nil {
		return err
	}
	machines, err := l.machines()
	if err != nil {
		return err
	}
	for _, archive := range archives {
		archive, err := filepath.Abs(archive)
		if err != nil {
			return err
		}
		for _, m := range machines {
			if !isNode(m.Name) {
				continue
			}
			if err := importImage(ctx, m, s.Bin, archive); err != nil {
				return err
			}
		}
	}
	return nil
}

func isNode(machine string) bool { return machine != controlPlaneName && machine != worldName }
