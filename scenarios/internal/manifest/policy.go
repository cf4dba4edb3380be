// Package manifest has the form in which NetworkPolicies are written and printed, for strict reading.
package manifest

import (
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

// The only API version of a NetworkPolicy, and its kind.
const (
	PolicyAPIVersion = "networking.k8s.io/v1"
	PolicyKind       = "NetworkPolicy"
)

// NetworkPolicy is a NetworkPolicy as an author writes it or as kubectl prints it.
type NetworkPolicy struct {
	APIVersion string                         `json:"apiVersion,omitempty"`
	Kind       string                         `json:"kind,omitempty"`
	Metadata   PolicyMetadata                 `json:"metadata,omitempty"`
	Spec       networkingv1.NetworkPolicySpec `json:"spec,omitempty"`
	Status     strict.Ignored                 `json:"status,omitempty"`
}

// PolicyMetadata has every field of a policy's metadata that the API knows. What the API server fills in is skipped, so that the output of
// `kubectl get -o yaml` can be used as it is.
type PolicyMetadata struct {
	Name                       string            `json:"name,omitempty"`
	GenerateName               strict.Ignored    `json:"generateName,omitempty"`
	Namespace                  string            `json:"namespace,omitempty"`
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
