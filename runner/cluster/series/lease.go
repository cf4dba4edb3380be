package series

import (
	"context"
	"errors"
	"fmt"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/leaderelection"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
)

// LeaseOptions say how the Lease of a series is held. The zero values of the durations are sensible.
type LeaseOptions struct {
	Client    kubernetes.Interface
	Namespace string
	Series    string
	// Holder names the run: its id, with the pod's or machine's name.
	Holder string
	// Duration is how long a holder that has died keeps others out. Zero means a minute.
	Duration time.Duration
	// Patience is how long to wait for a Lease that somebody holds. Zero means one and a half Durations: so long that a holder who has died is
	// no obstacle, and one who lives is.
	Patience time.Duration
}

// How the time of a Lease is divided; all are parts of its Duration L.
//
// Let s be when the holder begins the call of its last renewal. The API server writes it at s or later, so that others see it at s or later, and
// they may acquire once they have seen it unchanged for L: never before s + L. The work is cancelled at s + 2L/3 by a clock of our own, however
// the connection behaves, so that it has L/3 to end: with L = 60 s, at 40 s of 60. client-go's clock alone does not do: after an answer at r,
// it gives up at r + L/20 + L/2, and then has another L/2 for giving the Lease back before it says that it does not lead.
const (
	workParts  = 2.0 / 3
	renewParts = 1.0 / 2
	retryParts = 1.0 / 20
)

func part(duration time.Duration, parts float64) time.Duration {
	return time.Duration(float64(duration) * parts)
}

// ErrHeld says that another run of the series goes on.
var ErrHeld = errors.New("another run of this series goes on")

// ErrLost is the cause of a context whose Lease could not be renewed in time, so that another run may have begun.
var ErrLost = errors.New("the lease of this series was lost: it could not be renewed in time")

// Hold acquires the Lease of a series and keeps it until release is called. The context that it returns ends when the Lease is lost, with
// ErrLost as its cause, and before another run can acquire it. It fails with ErrHeld if another run holds the Lease.
func Hold(ctx context.Context, options LeaseOptions) (held context.Context, release func(), err error) {
	if options.Duration == 0 {
		options.Duration = time.Minute
	}
	if options.Patience == 0 {
		options.Patience = options.Duration * 3 / 2
	}
	name := "podknock-" + options.Series
	held, lose := context.WithCancelCause(ctx)
	lock := &candidLock{
		Interface: &resourcelock.LeaseLock{
			LeaseMeta:  metav1.ObjectMeta{Namespace: options.Namespace, Name: name},
			Client:     options.Client.CoordinationV1(),
			LockConfig: resourcelock.ResourceLockConfig{Identity: options.Holder},
		},
		refused: make(chan error, 1), work: part(options.Duration, workParts), lose: func() { lose(ErrLost) },
	}
	started := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: options.Duration, RenewDeadline: part(options.Duration, renewParts),
		RetryPeriod: part(options.Duration, retryParts), ReleaseOnCancel: true, Name: name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(started) },
			OnStoppedLeading: func() { lose(ErrLost) },
		},
	})
	if err != nil {
		lose(err)
		return nil, nil, fmt.Errorf("hold lease %q: %w", name, err)
	}
	// The Lease is given back after the run's own end, a signal included, so that the next one does not wait for its expiry.
	electing, stop := context.WithCancel(context.WithoutCancel(ctx))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		elector.Run(electing)
	}()
	give := func() {
		stop()
		<-ended
		lock.rest()
	}
	patience := time.NewTimer(options.Patience)
	defer patience.Stop()
	select {
	case <-started:
		return held, func() { lose(context.Canceled); give() }, nil
	case <-patience.C:
		// The elector uses the lock until it has ended.
		give()
		err = fmt.Errorf("hold lease %q in namespace %q: %w", name, options.Namespace, lock.why(ctx, options.Patience))
	case refused := <-lock.refused:
		give()
		err = fmt.Errorf("hold lease %q in namespace %q: %w", name, options.Namespace, refused)
	case <-ctx.Done():
		give()
		err = context.Cause(ctx)
	}
	lose(err)
	return nil, nil, err
}

// candidLock tells of a right that is missing: the elector would go on trying, and it would look as if somebody else held the Lease. It ends the
// work before others can acquire the Lease, and does not give back what is another's.
type candidLock struct {
	resourcelock.Interface
	refused chan error
	// work is how long the work may go on after the beginning of a renewal, and lose ends it.
	work time.Duration
	lose func()

	// What follows is the elector's goroutine's until that has ended.

	// holder is who held the Lease when it was last read or written.
	holder string
	// failed is why it could not be written last.
	failed error
	clock  *time.Timer
}

func (l *candidLock) look(err error) error {
	if apierrors.IsForbidden(err) {
		select {
		case l.refused <- err:
		default: // one is enough
		}
	}
	return err
}

// Get implements [resourcelock.Interface].
func (l *candidLock) Get(ctx context.Context) (*resourcelock.LeaderElectionRecord, []byte, error) {
	record, raw, err := l.Interface.Get(ctx)
	if err == nil {
		l.holder = record.HolderIdentity
	}
	return record, raw, l.look(err)
}

// Create implements [resourcelock.Interface].
func (l *candidLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.write(record.HolderIdentity, func() error { return l.Interface.Create(ctx, record) })
}

// errNotOurs is no conflict: the elector would try again what it has to leave alone.
var errNotOurs = errors.New("give the lease back: another run holds it")

// Update implements [resourcelock.Interface].
func (l *candidLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	if record.HolderIdentity == "" {
		// The elector reads the Lease and then trusts what it remembered from before.
		if l.holder != l.Identity() {
			return errNotOurs
		}
		l.lose()
	}
	return l.write(record.HolderIdentity, func() error { return l.Interface.Update(ctx, record) })
}

// write makes a call that writes the Lease, and sets the clock of the work if it is ours then.
func (l *candidLock) write(holder string, call func() error) error {
	begun := time.Now()
	if err := call(); err != nil {
		if !errors.Is(err, context.Canceled) {
			l.failed = err
		}
		return l.look(err)
	}
	l.holder = holder
	if holder != l.Identity() {
		return nil
	}
	left := l.work - time.Since(begun)
	if l.clock == nil {
		l.clock = time.AfterFunc(left, l.lose)
	} else {
		l.clock.Reset(left)
	}
	return nil
}

// rest stops the clock.
func (l *candidLock) rest() {
	if l.clock != nil {
		l.clock.Stop()
	}
}

// readTimeout bounds the last look at a Lease that was not acquired.
const readTimeout = 10 * time.Second

// why says why the Lease was not acquired: that another run goes on only if it is seen to hold the Lease.
func (l *candidLock) why(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readTimeout, fmt.Errorf("it took longer than %s", readTimeout))
	defer cancel()
	record, _, err := l.Interface.Get(ctx)
	switch {
	case err != nil && !apierrors.IsNotFound(err):
		return err
	case err == nil && record.HolderIdentity != "" && record.HolderIdentity != l.Identity():
		return fmt.Errorf("%w: %s since %s", ErrHeld, record.HolderIdentity, record.AcquireTime.UTC().Format(time.RFC3339))
	case l.failed != nil:
		return l.failed
	}
	return fmt.Errorf("nobody holds it, and it could not be acquired within %s", patience)
}
