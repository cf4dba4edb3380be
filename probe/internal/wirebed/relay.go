//go:build linux

package wirebed

import (
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// relayQueue bounds the packets under way in one direction.
const relayQueue = 1 << 14

// Delay replaces the wire between the nodes by one that takes so long in each direction. It is made of two TUN devices
// and needs no queueing discipline of the kernel.
func (b *Bed) Delay(oneWay time.Duration) {
	b.t.Helper()
	left, right := b.tun(Node1), b.tun(Node2)
	b.IP(Node1, "route replace 10.77.3.0/24 dev relay", "route replace fd77:3::/64 dev relay")
	b.IP(Node2, "route replace 10.77.1.0/24 dev relay", "route replace fd77:1::/64 dev relay")
	var all sync.WaitGroup
	relay(&all, left, right, oneWay)
	relay(&all, right, left, oneWay)
	b.t.Cleanup(func() {
		left.Close()
		right.Close()
		all.Wait()
	})
}

// tun makes a device that hands packets to this process.
func (b *Bed) tun(place Place) *os.File {
	b.t.Helper()
	var file *os.File
	var err error
	b.In(place, func() { file, err = openTUN("relay") })
	if err != nil {
		b.t.Fatal(err)
	}
	b.IP(place, "link set relay up")
	return file
}

func openTUN(name string) (*os.File, error) {
	fd, err := unix.Open("/dev/net/tun", unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open TUN device: %w", err)
	}
	request, err := unix.NewIfreq(name)
	if err == nil {
		request.SetUint16(unix.IFF_TUN | unix.IFF_NO_PI)
		err = unix.IoctlIfreq(fd, unix.TUNSETIFF, request)
	}
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("make TUN device %q: %w", name, err)
	}
	return os.NewFile(uintptr(fd), name), nil
}

// relay moves packets in one direction until a device is closed.
func relay(all *sync.WaitGroup, from, to *os.File, delay time.Duration) {
	type packet struct {
		due   time.Time
		bytes []byte
	}
	queue := make(chan packet, relayQueue)
	all.Go(func() {
		defer close(queue)
		for buffer := make([]byte, 1<<16); ; {
			n, err := from.Read(buffer)
			if err != nil {
				return
			}
			queue <- packet{time.Now().Add(delay), append([]byte(nil), buffer[:n]...)}
		}
	})
	all.Go(func() {
		for p := range queue {
			time.Sleep(time.Until(p.due))
			to.Write(p.bytes) // fails only after the end
		}
	})
}
