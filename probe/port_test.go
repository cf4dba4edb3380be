package probe

import (
	"encoding/json"
	"testing"

	. "github.com/onsi/gomega"
)

func TestParsePort(t *testing.T) {
	for _, tc := range []struct {
		name, text, want, failure string
	}{
		{"no number", "http", "", `port "http": "http" is no number from 1 to 65535`},
		{"port zero", "0/TCP", "", `port "0/TCP": "0" is no number from 1 to 65535`},
		{"too large a number", "65536", "", `port "65536": "65536" is no number from 1 to 65535`},
		{"an unknown protocol", "80/HTTP", "", `port "80/HTTP": protocol "HTTP" is none of TCP, UDP and SCTP`},
		{"an empty protocol", "80/", "", `port "80/": protocol "" is none of TCP, UDP and SCTP`},
		{"a number alone is TCP", "8080", "8080/TCP", ""},
		{"a protocol in small letters", "53/udp", "53/UDP", ""},
		{"SCTP", "38412/SCTP", "38412/SCTP", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			port, err := ParsePort(tc.text)
			if tc.failure != "" {
				g.Expect(err).To(MatchError(tc.failure))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(port.String()).To(Equal(tc.want))

			var again Port
			text, err := json.Marshal(port)
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(json.Unmarshal(text, &again)).To(Succeed())
			g.Expect(again).To(Equal(port))
		})
	}
}
