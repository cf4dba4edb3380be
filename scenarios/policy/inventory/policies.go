package inventory

import (
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// policyVersion is the only API version of a NetworkPolicy.
const policyVersion = "networking.k8s.io/v1"

// policyDocument is a NetworkPolicy as an author writes it or as kubectl prints it.
type policyDocument struct {
	APIVersion string                         `json:"apiVersion,omitempty"`
	Kind       string                         `json:"kind,omitempty"`
	Metadata   policyMetadata                 `json:"metadata,omitempty"`
	Spec       networkingv1.NetworkPolicySpec `json:"spec,omitempty"`
	Status     strict.Ignored                 `json:"status,omitempty"`
}

// policyMetadata has every field of metadata that the API knows. What the API server fills in is skipped.
type policyMetadata struct {
	Name                       *string           `json:"name,omitempty"`
	GenerateName               *string           `json:"generateName,omitempty"`
	Namespace                  *string           `json:"namespace,omitempty"`
	Labels                     map[string]string `json:"labels,omitempty"`
	Annotations                map[string]string `json:"annotations,omitempty"`
	Finalizers                 strict.Ignored    `json:"finalizers,omitempty"`
	CreationTimestamp          strict.Ignored    `json:"creationTimestamp,omitempty"`
	DeletionTimestamp          strict.Ignored    `json:"deletionTimestamp,omitempty"`
	DeletionGracePeriodSeconds strict.Ignored    `json:"deletionGracePeriodSeconds,omitempty"`
	Generation                 strict.Ignored    `json:"generation,omitempty"`
	ManagedFields              strict.Ignored    `json:"managedFields,omitempty"`
	OwnerReferences            strict.Ignored    `json:"ownerReferences,omitempty"`
	ResourceVersion            strict.Ignored    `json:"resourceVersion,omitempty"`
	SelfLink                   strict.Ignored    `json:"selfLink,omitempty"`
	UID                        strict.Ignored    `json:"uid,omitempty"`
}

func (r *Reader) readPolicy(decoder *strict.Decoder, e entry, ref Ref) func() {
	var document policyDocument
	decoder.Decode(e.node, e.prefix, &document)
	if version := document.APIVersion; version != policyVersion && (version != "" || e.prefix == "") {
		decoder.Report(join(e.prefix, "apiVersion"), "%q is no API version of a NetworkPolicy: write %s", version, policyVersion)
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
