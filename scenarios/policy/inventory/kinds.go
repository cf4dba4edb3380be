package inventory

import (
	"strings"

	"github.com/podknock/podknock/scenarios/internal/manifest"
	"github.com/podknock/podknock/scenarios/internal/strict"
)

// policyKind is read strictly.
const policyKind = manifest.PolicyKind

// kindDecoder reads one kind of object.
type kindDecoder struct {
	// versions are the values of apiVersion that have this shape.
	versions    []string
	clusterWide bool
	// read decodes the node, and returns what adds the object to the inventory.
	read func(r *Reader, decoder *strict.Decoder, e entry, ref Ref) (add func())
}

var decoders map[string]kindDecoder

func init() {
	core, apps, batch := []string{"v1"}, []string{"apps/v1"}, []string{"batch/v1"}
	admission := []string{"admissionregistration.k8s.io/v1"}
	decoders = map[string]kindDecoder{
		policyKind:                       {versions: []string{manifest.PolicyAPIVersion}, read: (*Reader).readPolicy},
		"Namespace":                      {versions: core, clusterWide: true, read: (*Reader).readNamespace},
		"Node":                           {versions: core, clusterWide: true, read: (*Reader).readKubernetesNode},
		"Pod":                            {versions: core, read: (*Reader).readPod},
		"Service":                        {versions: core, read: (*Reader).readService},
		"EndpointSlice":                  {versions: []string{"discovery.k8s.io/v1"}, read: (*Reader).readEndpointSlice},
		"ReplicationController":          {versions: core, read: (*Reader).readWorkload},
		"Deployment":                     {versions: apps, read: (*Reader).readWorkload},
		"StatefulSet":                    {versions: apps, read: (*Reader).readWorkload},
		"DaemonSet":                      {versions: apps, read: (*Reader).readWorkload},
		"ReplicaSet":                     {versions: apps, read: (*Reader).readWorkload},
		"Job":                            {versions: batch, read: (*Reader).readWorkload},
		"CronJob":                        {versions: batch, read: (*Reader).readWorkload},
		"ValidatingWebhookConfiguration": {versions: admission, clusterWide: true, read: (*Reader).readWebhooks},
		"MutatingWebhookConfiguration":   {versions: admission, clusterWide: true, read: (*Reader).readWebhooks},
	}
}

// foreignKinds are the policies of other APIs, by kind, with the groups that they are of.
var foreignKinds = map[string][]string{
	"CiliumNetworkPolicy":            {"cilium.io"},
	"CiliumClusterwideNetworkPolicy": {"cilium.io"},
	"NetworkPolicy":                  {"projectcalico.org", "crd.projectcalico.org", "crd.antrea.io"},
	"GlobalNetworkPolicy":            {"projectcalico.org", "crd.projectcalico.org"},
	"ClusterNetworkPolicy":           {"policy.networking.k8s.io", "crd.antrea.io", "networking.k8s.aws"},
	"AdminNetworkPolicy":             {"policy.networking.k8s.io"},
	"BaselineAdminNetworkPolicy":     {"policy.networking.k8s.io"},
	"ApplicationNetworkPolicy":       {"networking.k8s.aws"},
	"EgressFirewall":                 {"k8s.ovn.org"},
	"EgressNetworkPolicy":            {"network.openshift.io"},
	"MultiNetworkPolicy":             {"k8s.cni.cncf.io"},
	"AuthorizationPolicy":            {"security.istio.io", "policy.linkerd.io"},
	"Server":                         {"policy.linkerd.io"},
}

// isForeign reports whether an object is a policy of another API.
func isForeign(kind, apiVersion string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	for _, known := range foreignKinds[kind] {
		if group == known {
			return true
		}
	}
	return false
}
