package nightly

import (
	"net/url"
	"strconv"
)

// portOf is the port that an address of a Pushgateway has, by itself or by its scheme.
func portOf(address string) (int, bool) {
	parsed, err := url.Parse(address)
	if err != nil || parsed.Host == "" {
		return 0, false
	}
	if number, err := strconv.Atoi(parsed.Port()); err == nil {
		return number, true
	}
	if parsed.Scheme == "https" {
		return 443, true
	}
	return 80, true
}
