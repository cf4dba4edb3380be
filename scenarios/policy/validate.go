package policy

import (
	"slices"
	"strconv"
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apivalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	selectorvalidation "k8s.io/apimachinery/pkg/apis/meta/v1/validation"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate returns every reason for which the API server of Kubernetes 1.36, with its default feature gates, rejects the creation of a
// NetworkPolicy, with the path of the field, in the order of the fields; none if it accepts. The policy may be as an author wrote it, before
// the API server's defaults. The rules are those of pkg/apis/networking/validation in k8s.io/kubernetes.
func Validate(policy *networkingv1.NetworkPolicy) field.ErrorList {
	faults := apivalidation.ValidateObjectMeta(&policy.ObjectMeta, true, apivalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
	spec := field.NewPath("spec")
	faults = append(faults, validateSelector(&policy.Spec.PodSelector, spec.Child("podSelector"))...)
	for i, rule := range policy.Spec.Ingress {
		faults = append(faults, validateRule(rule.Ports, rule.From, spec.Child("ingress").Index(i), "from")...)
	}
	for i, rule := range policy.Spec.Egress {
		faults = append(faults, validateRule(rule.Ports, rule.To, spec.Child("egress").Index(i), "to")...)
	}
	return settled(append(faults, validateTypes(policy.Spec.PolicyTypes, spec.Child("policyTypes"))...))
}

// settled orders the faults of one field by their values: those of a map come in any order.
func settled(faults field.ErrorList) field.ErrorList {
	for start := 0; start < len(faults); {
		end := start + 1
		for end < len(faults) && faults[end].Field == faults[start].Field {
			end++
		}
		slices.SortStableFunc(faults[start:end], func(a, b *field.Error) int { return strings.Compare(a.Error(), b.Error()) })
		start = end
	}
	return faults
}

func validateSelector(selector *metav1.LabelSelector, path *field.Path) field.ErrorList {
	return selectorvalidation.ValidateLabelSelector(selector, selectorvalidation.LabelSelectorValidationOptions{}, path)
}

func validateRule(ports []networkingv1.NetworkPolicyPort, peers []networkingv1.NetworkPolicyPeer, path *field.Path, list string) field.ErrorList {
	var faults field.ErrorList
	for i := range ports {
		faults = append(faults, validatePort(&ports[i], path.Child("ports").Index(i))...)
	}
	for i := range peers {
		faults = append(faults, validatePeer(&peers[i], path.Child(list).Index(i))...)
	}
	return faults
}

func validatePort(port *networkingv1.NetworkPolicyPort, path *field.Path) field.ErrorList {
	var faults field.ErrorList
	known := []corev1.Protocol{corev1.ProtocolTCP, corev1.ProtocolUDP, corev1.ProtocolSCTP}
	if port.Protocol != nil && !slices.Contains(known, *port.Protocol) {
		faults = append(faults, field.NotSupported(path.Child("protocol"), *port.Protocol, known))
	}
	end := path.Child("endPort")
	switch {
	case port.Port == nil && port.EndPort != nil:
		faults = append(faults, field.Invalid(end, *port.EndPort, "may not be specified when `port` is not specified"))
	case port.Port == nil:
	case port.Port.Type != intstr.Int:
		if port.EndPort != nil {
			faults = append(faults, field.Invalid(end, *port.EndPort, "may not be specified when `port` is non-numeric"))
		}
		for _, reason := range validation.IsValidPortName(port.Port.StrVal) {
			faults = append(faults, field.Invalid(path.Child("port"), port.Port.StrVal, reason))
		}
	default:
		for _, reason := range validation.IsValidPortNum(int(port.Port.IntVal)) {
			faults = append(faults, field.Invalid(path.Child("port"), port.Port.IntVal, reason))
		}
		if port.EndPort == nil {
			break
		}
		if *port.EndPort < port.Port.IntVal {
			faults = append(faults, field.Invalid(end, *port.EndPort, "must be greater than or equal to `port`"))
		}
		for _, reason := range validation.IsValidPortNum(int(*port.EndPort)) {
			faults = append(faults, field.Invalid(end, *port.EndPort, reason))
		}
	}
	return faults
}

func validatePeer(peer *networkingv1.NetworkPolicyPeer, path *field.Path) field.ErrorList {
	var faults field.ErrorList
	given := 0
	if peer.PodSelector != nil {
		given++
		faults = append(faults, validateSelector(peer.PodSelector, path.Child("podSelector"))...)
	}
	if peer.NamespaceSelector != nil {
		given++
		faults = append(faults, validateSelector(peer.NamespaceSelector, path.Child("namespaceSelector"))...)
	}
	if peer.IPBlock != nil {
		given++
		faults = append(faults, validateBlock(peer.IPBlock, path.Child("ipBlock"))...)
	}
	switch {
	case given == 0:
		faults = append(faults, field.Required(path, "must specify a peer"))
	case given > 1 && peer.IPBlock != nil:
		faults = append(faults, field.Forbidden(path, "may not specify both ipBlock and another peer"))
	}
	return faults
}

// validateBlock is strict about the spelling of cidrs, as new objects are since 1.36 (feature StrictIPCIDRValidation).
func validateBlock(block *networkingv1.IPBlock, path *field.Path) field.ErrorList {
	if block.CIDR == "" {
		return field.ErrorList{field.Required(path.Child("cidr"), "")}
	}
	faults := validation.IsValidCIDRForLegacyField(path.Child("cidr"), block.CIDR, true, nil)
	outer, err := parsePrefix(block.CIDR)
	if err != nil {
		return faults
	}
	outerLength := prefixLength(block.CIDR)
	for i, cidr := range block.Except {
		at := path.Child("except").Index(i)
		faults = append(faults, validation.IsValidCIDRForLegacyField(at, cidr, true, nil)...)
		inner, err := parsePrefix(cidr)
		if err != nil {
			continue
		}
		if !outer.Contains(inner.Addr()) || prefixLength(cidr) <= outerLength {
			faults = append(faults, field.Invalid(at, cidr, "must be a strict subset of `cidr`"))
		}
	}
	return faults
}

// prefixLength is the length as it is written: an IPv4-mapped IPv6 cidr counts from the start of the IPv6 address. It is 0 for text that is no
// cidr.
func prefixLength(cidr string) int {
	_, length, _ := strings.Cut(cidr, "/")
	bits, err := strconv.Atoi(length)
	if err != nil {
		return 0
	}
	return bits
}

func validateTypes(types []networkingv1.PolicyType, path *field.Path) field.ErrorList {
	known := []networkingv1.PolicyType{networkingv1.PolicyTypeIngress, networkingv1.PolicyTypeEgress}
	if len(types) > len(known) {
		return field.ErrorList{field.Invalid(path, types, "may not specify more than two policyTypes")}
	}
	var faults field.ErrorList
	for i, listed := range types {
		if !slices.Contains(known, listed) {
			faults = append(faults, field.NotSupported(path.Index(i), listed, known))
		}
	}
	return faults
}

// Warnings returns what the API server answers with a warning when it accepts the policy: cidrs whose spelling is ambiguous or not canonical.
// Policies that Validate rejects get none for the cidrs that cannot be read.
func Warnings(policy *networkingv1.NetworkPolicy) []string {
	var warnings []string
	check := func(peers []networkingv1.NetworkPolicyPeer, path *field.Path) {
		for i := range peers {
			block := peers[i].IPBlock
			if block == nil {
				continue
			}
			at := path.Index(i).Child("ipBlock")
			warnings = append(warnings, cidrWarnings(at.Child("cidr"), block.CIDR)...)
			for k, cidr := range block.Except {
				warnings = append(warnings, cidrWarnings(at.Child("except").Index(k), cidr)...)
			}
		}
	}
	for i, rule := range policy.Spec.Ingress {
		check(rule.From, field.NewPath("spec").Child("ingress").Index(i).Child("from"))
	}
	for i, rule := range policy.Spec.Egress {
		check(rule.To, field.NewPath("spec").Child("egress").Index(i).Child("to"))
	}
	return warnings
}

// cidrWarnings leaves cidrs out that cannot be read: the function of the API server logs about those.
func cidrWarnings(path *field.Path, cidr string) []string {
	if len(validation.IsValidCIDRForLegacyField(path, cidr, false, nil)) > 0 {
		return nil
	}
	return validation.GetWarningsForCIDR(path, cidr)
}
