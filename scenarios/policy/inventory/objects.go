package inventory

import (
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/podknock/podknock/scenarios/internal/strict"
)

func (r *Reader) readNamespace(decoder *strict.Decoder, e entry, ref Ref) func() {
	var document struct {
		Metadata objectMeta `json:"metadata,omitempty"`
	}
	decoder.Decode(e.node, e.prefix, &document)
	return func() {
		if r.inventory.Knowledge.Labelled == nil {
			r.inventory.Knowledge.Labelled = map[string]bool{}
		}
		r.inventory.Knowledge.Labelled[ref.Name] = true
		r.inventory.Cluster.Namespaces = append(r.inventory.Cluster.Namespaces, corev1.Namespace{
			ObjectMeta: metav1.ObjectMeta{Name: ref.Name, Labels: document.Metadata.Labels},
		})
	}
}

func (r *Reader) readKubernetesNode(decoder *strict.Decoder, e entry, ref Ref) func() {
	var document struct {
		Metadata objectMeta `json:"metadata,omitempty"`
		Spec     struct {
			PodCIDR  *string  `json:"podCIDR,omitempty"`
			PodCIDRs []string `json:"podCIDRs,omitempty"`
		} `json:"spec,omitempty"`
		Status struct {
			Addresses []corev1.NodeAddress `json:"addresses,omitempty"`
		} `json:"status,omitempty"`
	}
	decoder.Decode(e.node, e.prefix, &document)
	return func() {
		node := corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: ref.Name, Labels: document.Metadata.Labels}}
		node.Spec.PodCIDR, node.Spec.PodCIDRs = value(document.Spec.PodCIDR), document.Spec.PodCIDRs
		node.Status.Addresses = document.Status.Addresses
		r.inventory.Cluster.Nodes = append(r.inventory.Cluster.Nodes, node)
	}
}

func (r *Reader) readService(decoder *strict.Decoder, e entry, ref Ref) func() {
	var document struct {
		Metadata objectMeta `json:"metadata,omitempty"`
		Spec     struct {
			Type                     *corev1.ServiceType                  `json:"type,omitempty"`
			Selector                 map[string]string                    `json:"selector,omitempty"`
			ClusterIP                *string                              `json:"clusterIP,omitempty"`
			ClusterIPs               []string                             `json:"clusterIPs,omitempty"`
			Ports                    []corev1.ServicePort                 `json:"ports,omitempty"`
			ExternalTrafficPolicy    *corev1.ServiceExternalTrafficPolicy `json:"externalTrafficPolicy,omitempty"`
			PublishNotReadyAddresses *bool                                `json:"publishNotReadyAddresses,omitempty"`
		} `json:"spec,omitempty"`
	}
	decoder.Decode(e.node, e.prefix, &document)
	return func() {
		service := corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: ref.Namespace, Name: ref.Name, Labels: document.Metadata.Labels}}
		service.Spec = corev1.ServiceSpec{
			Type: value(document.Spec.Type), Selector: document.Spec.Selector, ClusterIP: value(document.Spec.ClusterIP),
			ClusterIPs: document.Spec.ClusterIPs, Ports: document.Spec.Ports,
			ExternalTrafficPolicy:    value(document.Spec.ExternalTrafficPolicy),
			PublishNotReadyAddresses: value(document.Spec.PublishNotReadyAddresses),
		}
		r.inventory.Cluster.Services = append(r.inventory.Cluster.Services, service)
	}
}

func (r *Reader) readEndpointSlice(decoder *strict.Decoder, e entry, ref Ref) func() {
	type endpoint struct {
		Addresses  []string `json:"addresses,omitempty"`
		Conditions struct {
			Ready   *bool `json:"ready,omitempty"`
			Serving *bool `json:"serving,omitempty"`
		} `json:"conditions,omitempty"`
		NodeName  *string                 `json:"nodeName,omitempty"`
		TargetRef *corev1.ObjectReference `json:"targetRef,omitempty"`
	}
	var document struct {
		Metadata    objectMeta                 `json:"metadata,omitempty"`
		AddressType discoveryv1.AddressType    `json:"addressType,omitempty"`
		Endpoints   []endpoint                 `json:"endpoints,omitempty"`
		Ports       []discoveryv1.EndpointPort `json:"ports,omitempty"`
	}
	decoder.Decode(e.node, e.prefix, &document)
	return func() {
		slice := discoveryv1.EndpointSlice{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: ref.Namespace, Name: ref.Name, Labels: document.Metadata.Labels, OwnerReferences: document.Metadata.OwnerReferences,
			},
			AddressType: document.AddressType, Ports: document.Ports,
		}
		for _, one := range document.Endpoints {
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
				Addresses: one.Addresses, NodeName: one.NodeName, TargetRef: one.TargetRef,
				Conditions: discoveryv1.EndpointConditions{Ready: one.Conditions.Ready, Serving: one.Conditions.Serving},
			})
		}
		r.inventory.Cluster.EndpointSlices = append(r.inventory.Cluster.EndpointSlices, slice)
	}
}

func (r *Reader) readWebhooks(decoder *strict.Decoder, e entry, ref Ref) func() {
	type service struct {
		Namespace string `json:"namespace,omitempty"`
		Name      string `json:"name,omitempty"`
		Port      *int32 `json:"port,omitempty"`
	}
	var document struct {
		Webhooks []struct {
			ClientConfig struct {
				Service *service `json:"service,omitempty"`
			} `json:"clientConfig,omitempty"`
		} `json:"webhooks,omitempty"`
	}
	decoder.Decode(e.node, e.prefix, &document)
	return func() {
		for _, webhook := range document.Webhooks {
			called := webhook.ClientConfig.Service
			if called == nil {
				continue
			}
			port := int32(443) // the API's default
			if called.Port != nil {
				port = *called.Port
			}
			r.inventory.Webhooks = append(r.inventory.Webhooks, Webhook{
				Configuration: ref, Namespace: called.Namespace, Service: called.Name, Port: port,
			})
		}
	}
}
