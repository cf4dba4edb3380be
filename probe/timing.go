package probe

import (
	"fmt"
	"net/netip"
	"time"
)

// timing returns the attempt's Timing with all defaults filled in.
func (a *Attempt) timing() Timing {
	t := a.Timing
	if t.Timeout == 0 {
		t.Timeout = DefaultTimeout
	}
	t.Timeout = max(t.Timeout, 4*a.RTT)
	if t.Sockets == 0 {
		t.Sockets = DefaultSockets
	}
	if t.Stagger == 0 {
		t.Stagger = DefaultStagger
	}
	if t.Confirm == 0 {
		t.Confirm = DefaultConfirm
	}
	if t.ICMPWait == 0 {
		t.ICMPWait = DefaultICMPWait
	}
	return t
}

// Validate tells what is wrong with an attempt that cannot be made.
func (a *Attempt) Validate() error {
	switch a.Protocol {
	case TCP, UDP, SCTP, HTTP:
		if a.Port == 0 {
			return fmt.Errorf("%s attempt to %q: no port", a.Protocol, a.Host)
		}
	case DNS:
	default:
		return fmt.Errorf("attempt to %q: unknown protocol %q", a.Host, a.Protocol)
	}
	switch a.Family {
	case AnyFamily, IPv4, IPv6:
	default:
		return fmt.Errorf("attempt to %q: unknown family %q", a.Host, a.Family)
	}
	switch t := a.Timing; {
	case a.Host == "":
		return fmt.Errorf("%s attempt: no host", a.Protocol)
	case a.Payload < 0 || a.Payload > MaxPayload:
		return fmt.Errorf("%s attempt to %q: payload of %d bytes, at most %d are allowed", a.Protocol, a.Host, a.Payload, MaxPayload)
	case t.Timeout < 0 || t.Timeout > time.Hour || a.RTT < 0 || a.RTT > time.Minute:
		return fmt.Errorf("%s attempt to %q: timeout %s or round trip %s out of range", a.Protocol, a.Host, t.Timeout, a.RTT)
	case t.Sockets < 0 || t.Sockets > MaxSYNs || t.Stagger < 0 || t.Stagger > time.Minute:
		return fmt.Errorf("%s attempt to %q: %d sockets %s apart out of range", a.Protocol, a.Host, t.Sockets, t.Stagger)
	case a.Hold < 0 || a.Hold > MaxHold:
		return fmt.Errorf("%s attempt to %q: hold of %s out of range, at most %s is allowed", a.Protocol, a.Host, a.Hold, MaxHold)
	case a.Hold > 0 && (a.Foreign || a.Protocol == HTTP || a.Protocol == DNS):
		return fmt.Errorf("%s attempt to %q: only a responder of ours can be held over TCP, UDP or SCTP", a.Protocol, a.Host)
	case a.Loss < 0 || a.Loss > 1 || a.Loss != a.Loss:
		return fmt.Errorf("%s attempt to %q: loss %v is no probability", a.Protocol, a.Host, a.Loss)
	}
	if addr, err := netip.ParseAddr(a.Host); err == nil && addr.Is6() && addr.IsLinkLocalUnicast() && addr.Zone() == "" {
		return fmt.Errorf("%s attempt to %q: a link-local address needs its zone", a.Protocol, a.Host)
	}
	return nil
}
