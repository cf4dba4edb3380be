//go:build linux

package engine

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"strings"
	"time"

	nfqueue "github.com/florianl/go-nfqueue/v2"
	"k8s.io/klog/v2"
	"sigs.k8s.io/kube-network-policies/pkg/network"
)

// Marks pass between the queue and the table; nobody else in the lab uses
// these bits.
const (
	translatedMark  = 0x01000000 // on a packet whose destination was translated
	resetMark       = 0x02000000 // refuse it with a reset
	prohibitionMark = 0x04000000 // refuse it with ICMP
	repliesCutMark  = 0x08000000 // let it pass, but not its replies
)

const tableName = "podknock-mutant"

// table does what a verdict on a queued packet cannot. It works before and
// behind the lab's rule that fills the queue, which has the filter priority,
// 0, of the forward hook.
var table = fmt.Sprintf(`
add table inet %[1]s
flush table inet %[1]s
table inet %[1]s {
	chain before {
		type filter hook forward priority -10; policy accept;
		ct direction reply ct mark & %#[5]x != 0 drop
		ct status dnat ct direction original meta mark set meta mark | %#[2]x
	}
	chain behind {
		type filter hook forward priority 10; policy accept;
		meta mark & %#[3]x != 0 meta l4proto tcp reject with tcp reset
		meta mark & %#[4]x != 0 reject with icmpx type admin-prohibited
		meta mark & %#[5]x != 0 ct mark set ct mark | %#[5]x
	}
}
`, tableName, translatedMark, resetMark, prohibitionMark, repliesCutMark)

// loadTable puts the table in place.
func loadTable(ctx context.Context) (remove func() error, err error) {
	if err := nft(ctx, table); err != nil {
		return nil, fmt.Errorf("load table %q: %w", tableName, err)
	}
	return func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return nft(ctx, "delete table inet "+tableName)
	}, nil
}

func nft(ctx context.Context, commands string) error {
	cmd := exec.CommandContext(ctx, "nft", "-f", "-")
	cmd.Stdin = strings.NewReader(commands)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("nft: %w: %s", err, strings.TrimSpace(string(out)))
	}
	return nil
}

// takePackets gives verdicts on what comes through the queue until ctx ends. It
// calls taken when the queue is its own.
func takePackets(ctx context.Context, number uint16, j *judge, taken func()) error {
	queue, err := nfqueue.Open(&nfqueue.Config{
		NfQueue: number, Flags: nfqueue.NfQaCfgFlagGSO | nfqueue.NfQaCfgFlagFailOpen,
		MaxPacketLen: 128, MaxQueueLen: 1024, Copymode: nfqueue.NfQnlCopyPacket, WriteTimeout: 100 * time.Millisecond,
	})
	if err != nil {
		return fmt.Errorf("open netfilter queue %d: %w", number, err)
	}
	defer queue.Close()
	take := func(a nfqueue.Attribute) int {
		action, mark := j.decide(ctx, a)
		var options []nfqueue.VerdictOption
		if mark != 0 {
			options = append(options, nfqueue.WithMark(mark))
		}
		if err := queue.SetVerdictWithOption(*a.PacketID, action, options...); err != nil {
			klog.ErrorS(err, "give a verdict", "packet", *a.PacketID)
		}
		return 0
	}
	failed := func(err error) int {
		if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
			return 0
		}
		klog.ErrorS(err, "receive from the queue")
		return 0
	}
	if err := queue.RegisterWithErrorFunc(ctx, take, failed); err != nil {
		return fmt.Errorf("receive from netfilter queue %d: %w", number, err)
	}
	taken()
	<-ctx.Done()
	return nil
}

// decide returns what the kernel does with a packet, and a mark for the table
// behind the queue. A packet that cannot be read passes, as with
// kube-network-policies.
func (j *judge) decide(ctx context.Context, a nfqueue.Attribute) (action int, mark uint32) {
	packet, err := network.ParsePacket(*a.Payload)
	if err != nil {
		klog.ErrorS(err, "read a packet")
		return nfqueue.NfAccept, 0
	}
	if a.Mark != nil {
		mark = *a.Mark
	}
	v := j.judge(ctx, packet, mark&translatedMark != 0)
	klog.V(2).InfoS("judged", "packet", packet.MarshalLog(), "denied", v.denied)
	switch {
	case v.repliesCut:
		return nfqueue.NfAccept, mark | repliesCutMark
	case !v.denied:
		return nfqueue.NfAccept, 0
	case j.defect.refusal == prohibition:
		return nfqueue.NfAccept, mark | prohibitionMark
	case j.defect.refusal == reset && packet.Proto == "TCP":
		return nfqueue.NfAccept, mark | resetMark
	}
	return nfqueue.NfDrop, 0
}
