package inventory

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/internal/manifest"
	"github.com/podknock/podknock/scenarios/internal/strict"
)

func (r *Reader) readPolicy(decoder *strict.Decoder, e entry, ref Ref) func() {
	var document manifest.NetworkPolicy
	decoder.Decode(e.node, e.prefix, &document)
	if version := document.APIVersion; version != manifest.PolicyAPIVersion && (version != "" || e.prefix == "") {
		decoder.Report(join(e.prefix, "apiVersion"), "%q is no API version of a NetworkPolicy: write %s", version, manifest.PolicyAPIVersion)
	}
	if ref.Name == "" {
		decoder.Report(join(e.prefix, "metadata"), "the NetworkPolicy has no name: add metadata.name")
	}
	return func() {
		r.inventory.Cluster.Policies = append(r.inventory.Cluster.Policies, networkingv1.NetworkPolicy{
			ObjectMeta: metav1.ObjectMeta{
				Name: ref.Name, Namespace: ref.Namespace, Labels: document.Metadata.Labels, Annotations: document.Metadata.Annotations,
			},
			Spec: document.Spec,
		})
	}
}
