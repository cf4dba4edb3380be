package runner

import (
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"

	"github.com/podknock/podknock/scenarios"
)

func TestFilters(t *testing.T) {
	cell := scenarios.Cell{
		From: scenarios.Endpoint{Kind: scenarios.EndpointPod, Name: "web"}, To: scenarios.Endpoint{Kind: scenarios.EndpointNodePort, Name: "front", Node: "web"},
		Port: 80, Protocol: corev1.ProtocolTCP, Family: corev1.IPv4Protocol,
	}
	rows := map[string]bool{
		"1/web/node(web)/front:80/TCP/IPv4": false,
		"2/db/*":                            false,
		"2/web/node(web)/front:81":          false,
		"2/web/node(web)/front:80/UDP":      false,
		"2/web/node(web)/front:80/TCP/IPv6": false,
		"2/web/node(web)/front:80/TCP/IPv4": true,
		"2/web/node(web)/front:80/TCP":      true,
		"2/web/node(web)/front":             true,
		"applied/*/*":                       true,
		"*/web/*":                           true,
	}
	for text, want := range rows {
		t.Run(text, func(t *testing.T) {
			g := NewWithT(t)
			filter, err := ParseFilter(text)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(filter.matches(1, "applied", cell)).To(Equal(want))
			g.Expect(filter.String()).To(Equal(text))
		})
	}
	for _, wrong := range []string{"", "2", "2/web", "2//mysql", "/web/mysql", "2/web/"} {
		_, err := ParseFilter(wrong)
		NewWithT(t).Expect(err).To(MatchError(ContainSubstring("STEP/FROM/TO")), wrong)
	}
	own, err := ParseFilter(filterOf(1, cell))
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	NewWithT(t).Expect(own.matches(1, "any", cell)).To(BeTrue())
}
