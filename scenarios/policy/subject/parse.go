package subject

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/api/validation"
	"k8s.io/apimachinery/pkg/labels"
)

// Options say what a text leaves open.
type Options struct {
	// Namespace is that of names without one. Empty means that they must have one.
	Namespace string
}

// Parse reads a reference.
func Parse(text string, options Options) (Reference, error) {
	reference, err := options.parse(text)
	if err != nil {
		return Reference{}, fmt.Errorf("reference %q: %w", text, err)
	}
	return reference, nil
}

// errForm says what is read.
var errForm = errors.New("write NAMESPACE/POD, NAMESPACE/deploy/NAME, NAMESPACE/LABEL=VALUE, svc/NAMESPACE/NAME, an IP address, a CIDR or a DNS name")

func (o Options) parse(text string) (Reference, error) {
	if reference, ok, err := parseAddress(text); ok || err != nil {
		return reference, err
	}
	if strings.ContainsAny(text, "=!(") {
		return o.parseLabels(text)
	}
	parts := strings.Split(text, "/")
	switch {
	case text == "", slices.Contains(parts, ""):
		return Reference{}, errForm
	case len(parts) == 1 && strings.Contains(text, "."):
		return parseName(text)
	case len(parts) == 1:
		return o.named(KindPod, "", "", text)
	case len(parts) == 2 && isWord(parts[0], nodeWords):
		return o.named(KindNode, "", "", parts[1])
	case len(parts) == 2 && o.Namespace != "" && isKind(parts[0]):
		return o.typed(o.Namespace, parts[0], parts[1])
	case len(parts) == 2 && isWord(parts[0], serviceWords):
		return Reference{}, fmt.Errorf("a Service needs its namespace: write svc/NAMESPACE/%s", parts[1])
	case len(parts) == 2:
		return o.named(KindPod, parts[0], "", parts[1])
	case len(parts) == 3 && isWord(parts[0], serviceWords):
		return o.named(KindService, parts[1], "", parts[2])
	case len(parts) == 3 && isKind(parts[1]):
		return o.typed(parts[0], parts[1], parts[2])
	case len(parts) == 3:
		return Reference{}, fmt.Errorf("%q is no kind of workload: write deploy, sts, ds, job, cronjob, rs, rc or pod", parts[1])
	}
	return Reference{}, errForm
}

// parseAddress reads an IP address or a CIDR, in brackets or not. It is not ok if the text is neither.
func parseAddress(text string) (Reference, bool, error) {
	inner := text
	if strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]") {
		inner = text[1 : len(text)-1]
	}
	if address, err := netip.ParseAddr(inner); err == nil {
		if address.Zone() != "" {
			return Reference{}, false, fmt.Errorf("the zone %q means something on one machine alone: leave it out", address.Zone())
		}
		return Reference{Kind: KindAddress, Address: address.Unmap()}, true, nil
	}
	prefix, err := netip.ParsePrefix(inner)
	switch {
	case err != nil:
		return Reference{}, false, nil
	case prefix.Addr().Is4In6():
		return Reference{}, false, errors.New("an IPv4 range needs no ::ffff: before it, write it plain")
	case prefix != prefix.Masked():
		return Reference{}, false, fmt.Errorf("bits are set beyond the prefix length: write %s", prefix.Masked())
	case prefix.IsSingleIP():
		return Reference{Kind: KindAddress, Address: prefix.Addr()}, true, nil
	}
	return Reference{Kind: KindRange, Range: prefix}, true, nil
}

func (o Options) parseLabels(text string) (Reference, error) {
	namespace, selector, found := strings.Cut(text, "/")
	if !found || strings.ContainsAny(namespace, "=!(,.") {
		namespace, selector = o.Namespace, text
	}
	if namespace == "" {
		return Reference{}, errors.New("labels need a namespace: write NAMESPACE/LABEL=VALUE")
	}
	if err := checkNamespace(namespace); err != nil {
		return Reference{}, err
	}
	parsed, err := labels.Parse(selector)
	if err != nil {
		return Reference{}, fmt.Errorf("labels %q: %w", selector, err)
	}
	// A selector of one bare key would be spelled like the name of a pod.
	if parsed.Empty() || !strings.ContainsAny(parsed.String(), "=!,(") {
		return Reference{}, errForm
	}
	return Reference{Kind: KindLabels, Namespace: namespace, Labels: parsed.String()}, nil
}

// typed is KIND/NAME in a namespace.
func (o Options) typed(namespace, word, name string) (Reference, error) {
	switch {
	case isWord(word, podWords):
		return o.named(KindPod, namespace, "", name)
	case isWord(word, serviceWords):
		return o.named(KindService, namespace, "", name)
	}
	return o.named(KindWorkload, namespace, workloadKind(word), name)
}

// named checks the names of a reference, and fills in the default namespace.
func (o Options) named(kind Kind, namespace, workload, name string) (Reference, error) {
	if kind != KindNode {
		if namespace == "" {
			namespace = o.Namespace
		}
		if namespace == "" {
			return Reference{}, fmt.Errorf("no namespace is given: write NAMESPACE/%s", name)
		}
		if err := checkNamespace(namespace); err != nil {
			return Reference{}, err
		}
	}
	if problems := validation.NameIsDNSSubdomain(name, false); len(problems) > 0 {
		return Reference{}, fmt.Errorf("%q is no name: %s", name, problems[0])
	}
	return Reference{Kind: kind, Namespace: namespace, Workload: workload, Name: name}, nil
}

func checkNamespace(namespace string) error {
	if problems := validation.ValidateNamespaceName(namespace, false); len(problems) > 0 {
		return fmt.Errorf("%q is no name of a namespace: %s", namespace, problems[0])
	}
	return nil
}

// parseName reads a DNS name. A dot at its end is kept: it says that no search path applies.
func parseName(text string) (Reference, error) {
	if problems := validation.NameIsDNSSubdomain(strings.ToLower(strings.TrimSuffix(text, ".")), false); len(problems) > 0 {
		return Reference{}, fmt.Errorf("no DNS name: %s", problems[0])
	}
	return Reference{Kind: KindName, Name: strings.ToLower(text)}, nil
}

// isKind reports whether a word names a kind of object that is or makes pods, or a Service.
func isKind(word string) bool {
	return workloadKind(word) != "" || isWord(word, podWords) || isWord(word, serviceWords)
}

func isWord(word string, words []string) bool { return slices.Contains(words, strings.ToLower(word)) }
