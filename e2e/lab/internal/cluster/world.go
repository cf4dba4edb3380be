package cluster

import (
	"context"

	"github.com/podknock/podknock/e2e/lab/internal/machine"
)

// WorldVerb is the hidden verb by which this program becomes the hosts of the
// world outside the cluster.
const WorldVerb = "world"

func (u *upping) startWorld(ctx context.Context) error {
	args := []string{u.Self, WorldVerb}
	for _, a := range u.Families.worldHosts() {
		args = append(args, a.String())
	}
	return u.world.Start(ctx, machine.Component{Name: WorldVerb, Argv: args, Log: u.log(worldName, WorldVerb)})
}
