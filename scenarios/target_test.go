package scenarios

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestTargetText(t *testing.T) {
	faults := map[string]string{
		"":                 `"" names nobody: write a name, NAMESPACE/* or *`,
		"web:":             `port "": write a number from 1 to 65535, such as 80 or 53/UDP`,
		"web:0":            `port "0": write a number from 1 to 65535, such as 80 or 53/UDP`,
		"web:080":          `port "080": write a number from 1 to 65535, such as 80 or 53/UDP`,
		"web:80/udp":       `protocol "udp": write TCP, UDP or SCTP`,
		"web/80":           `"web/80" names nobody: write a name, NAMESPACE/* or *`,
		"dns:53":           `"dns:53" has a port: write dns, dns/UDP or dns/TCP`,
		"name():80":        `"name()" names nothing: write name(NAME)`,
		"name(web)/svc:80": `"name(web)/svc" is no target: write name(SERVICE):PORT, node(POD):PORT or node(POD)/SERVICE:PORT`,
		"node(web)/":       `"node(web)/" is no target: write name(SERVICE):PORT, node(POD):PORT or node(POD)/SERVICE:PORT`,
		"nodes(web):80":    `"nodes(web)" names nobody: write a name, NAMESPACE/* or *`,
	}
	for text, want := range faults {
		t.Run("refuses "+text, func(t *testing.T) {
			var target Target
			NewWithT(t).Expect(target.UnmarshalText([]byte(text))).To(MatchError(want))
		})
	}
	sound := map[string]Target{
		"web":                          {Kind: TargetNamed, Name: "web"},
		"web:80":                       {Kind: TargetNamed, Name: "web", Number: 80},
		"web:80/SCTP":                  {Kind: TargetNamed, Name: "web", Number: 80, Protocol: "SCTP"},
		"web:http":                     {Kind: TargetNamed, Name: "web", PortName: "http"},
		"*":                            {Kind: TargetAll},
		"*:53/UDP":                     {Kind: TargetAll, Number: 53, Protocol: "UDP"},
		"app/*:http":                   {Kind: TargetAll, Namespace: "app", PortName: "http"},
		"dns":                          {Kind: TargetDNS},
		"dns/TCP":                      {Kind: TargetDNS, Protocol: "TCP"},
		"name(web):80":                 {Kind: TargetName, Name: "web", Number: 80},
		"name(www.example.com):443":    {Kind: TargetName, Name: "www.example.com", Number: 443},
		"node(web):10250":              {Kind: TargetNode, Node: "web", Number: 10250},
		"node(web)/web-service:http":   {Kind: TargetNode, Node: "web", Name: "web-service", PortName: "http"},
		"node(web)/web-service:80/UDP": {Kind: TargetNode, Node: "web", Name: "web-service", Number: 80, Protocol: "UDP"},
	}
	for text, want := range sound {
		t.Run("reads and writes "+text, func(t *testing.T) {
			g := NewWithT(t)
			var target Target
			g.Expect(target.UnmarshalText([]byte(text))).To(Succeed())
			g.Expect(target).To(Equal(want))
			g.Expect(target.String()).To(Equal(text))
			g.Expect(text).To(MatchRegexp(target.Pattern()))
		})
	}
}

// FuzzTarget holds that what is read is written as it was, and fits the schema's pattern where its names are names.
func FuzzTarget(f *testing.F) {
	for _, seed := range []string{"web:80/UDP", "*", "a/*:http", "dns/TCP", "name(a.b):1", "node(a)/b:2", "::", "node(()"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var target Target
		if target.UnmarshalText([]byte(text)) != nil {
			return
		}
		var again Target
		if err := again.UnmarshalText([]byte(target.String())); err != nil || again != target {
			t.Errorf("%q is read as %#v and then, from %q, as %#v (%v)", text, target, target.String(), again, err)
		}
	})
}

func TestPortText(t *testing.T) {
	for _, text := range []string{"", "0", "65536", "-1", "+80", "http", "80/", "80/tcp", "=80", "UPPER=80", "a-name-that-is-too-long=80", "80:80"} {
		t.Run("refuses "+text, func(t *testing.T) {
			var port Port
			NewWithT(t).Expect(port.UnmarshalText([]byte(text))).NotTo(Succeed())
		})
	}
	sound := map[string]Port{
		"80":             {Number: 80, Protocol: "TCP"},
		"53/UDP":         {Number: 53, Protocol: "UDP"},
		"http=8080":      {Name: "http", Number: 8080, Protocol: "TCP"},
		"sctp=7777/SCTP": {Name: "sctp", Number: 7777, Protocol: "SCTP"},
	}
	for text, want := range sound {
		t.Run("reads "+text, func(t *testing.T) {
			g := NewWithT(t)
			var port, again Port
			g.Expect(port.UnmarshalText([]byte(text))).To(Succeed())
			g.Expect(port).To(Equal(want))
			g.Expect(again.UnmarshalText([]byte(port.String()))).To(Succeed())
			g.Expect(again).To(Equal(want))
			g.Expect(text).To(MatchRegexp(port.Pattern()))
		})
	}
}

func TestServicePortText(t *testing.T) {
	for _, text := range []string{"", "80:", "80:0", "80:70000", "80:UPPER", "x=:80", "http", "80:http/tcp", "No=80"} {
		t.Run("refuses "+text, func(t *testing.T) {
			var port ServicePort
			NewWithT(t).Expect(port.UnmarshalText([]byte(text))).NotTo(Succeed())
		})
	}
	sound := map[string]ServicePort{
		"80":              {Number: 80, Target: "80", Protocol: "TCP"},
		"80:8080":         {Number: 80, Target: "8080", Protocol: "TCP"},
		"web=80:http/TCP": {Name: "web", Number: 80, Target: "http", Protocol: "TCP"},
		"53/UDP":          {Number: 53, Target: "53", Protocol: "UDP"},
	}
	for text, want := range sound {
		t.Run("reads "+text, func(t *testing.T) {
			g := NewWithT(t)
			var port, again ServicePort
			g.Expect(port.UnmarshalText([]byte(text))).To(Succeed())
			g.Expect(port).To(Equal(want))
			g.Expect(again.UnmarshalText([]byte(port.String()))).To(Succeed())
			g.Expect(again).To(Equal(want))
			g.Expect(text).To(MatchRegexp(port.Pattern()))
		})
	}
}
