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
	// Duration is how long a holder that has died keeps others out. Zero means 30 s.
	Duration time.Duration
	// Patience is how long to wait for a Lease that somebody holds. Zero means one and a half Durations: so long that a holder who has died is
	// no obstacle, and one who lives is.
	Patience time.Duration
}

// ErrHeld says that another run of the series goes on.
var ErrHeld = errors.New("another run of this series goes on")

// ErrLost is the cause of a context whose Lease could not be renewed in time, so that another run may have begun.
var ErrLost = errors.New("the lease of this series was lost: it could not be renewed in time")

// Hold acquires the Lease of a series and keeps it until release is called. The context that it returns ends when the Lease is lost, with
// ErrLost as its cause. It fails with ErrHeld if another run holds the Lease.
func Hold(ctx context.Context, options LeaseOptions) (held context.Context, release func(), err error) {
	if options.Duration == 0 {
		options.Duration = 30 * time.Second
	}
	if options.Patience == 0 {
		options.Patience = options.Duration * 3 / 2
	}
	name := "podknock-" + options.Series
	lock := &candidLock{refused: make(chan error, 1), Interface: &resourcelock.LeaseLock{
		LeaseMeta:  metav1.ObjectMeta{Namespace: options.Namespace, Name: name},
		Client:     options.Client.CoordinationV1(),
		LockConfig: resourcelock.ResourceLockConfig{Identity: options.Holder},
	}}
	held, lose := context.WithCancelCause(ctx)
	started := make(chan struct{})
	elector, err := leaderelection.NewLeaderElector(leaderelection.LeaderElectionConfig{
		Lock: lock, LeaseDuration: options.Duration, RenewDeadline: options.Duration * 2 / 3, RetryPeriod: options.Duration / 10,
		ReleaseOnCancel: true, Name: name,
		Callbacks: leaderelection.LeaderCallbacks{
			OnStartedLeading: func(context.Context) { close(started) },
			OnStoppedLeading: func() { lose(ErrLost) },
		},
	})
	if err != nil {
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
	}
	patience := time.NewTimer(options.Patience)
	defer patience.Stop()
	select {
	case <-started:
		return held, func() { give(); lose(context.Canceled) }, nil
	case <-patience.C:
		// The elector uses the lock until it has ended.
		give()
		err = fmt.Errorf("hold lease %q in namespace %q: %w: %s", name, options.Namespace, ErrHeld, holder(ctx, lock))
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

// candidLock tells of a right that is missing: the elector would go on trying, and it would look as if somebody else held the Lease.
type candidLock struct {
	resourcelock.Interface
	refused chan error
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
	return record, raw, l.look(err)
}

// Create implements [resourcelock.Interface].
func (l *candidLock) Create(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.look(l.Interface.Create(ctx, record))
}

// Update implements [resourcelock.Interface].
func (l *candidLock) Update(ctx context.Context, record resourcelock.LeaderElectionRecord) error {
	return l.look(l.Interface.Update(ctx, record))
}

// holder says who holds a Lease, or why that is not known.
func holder(ctx context.Context, lock resourcelock.Interface) string {
	record, _, err := lock.Get(ctx)
	if err != nil {
		return fmt.Sprintf("its holder is not known (%v)", err)
	}
	return fmt.Sprintf("%s since %s", record.HolderIdentity, record.AcquireTime.UTC().Format(time.RFC3339))
}
