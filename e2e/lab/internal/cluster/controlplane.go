package cluster

import (
	"context"
	"fmt"
	"strconv"

	"golang.org/x/sync/errgroup"
)

// startFoundations starts what everything else needs, all at once: the store,
// the API server, which waits for it, and the nodes' container runtimes.
func (u *upping) startFoundations(ctx context.Context) error {
	if err := u.startComponent(ctx, u.controlPlane, "etcd", u.etcdFlags()...); err != nil {
		return err
	}
	if err := u.startComponent(ctx, u.controlPlane, "kube-apiserver", u.apiServerFlags()...); err != nil {
		return err
	}
	if err := u.startWorld(ctx); err != nil {
		return err
	}
	nodes, ctx := errgroup.WithContext(ctx)
	for i := range u.nodes {
		nodes.Go(func() error { return u.startRuntime(ctx, i+1) })
	}
	return nodes.Wait()
}

func (u *upping) etcdFlags() []string {
	return []string{
		"--name=etcd", "--data-dir=" + u.disk(controlPlaneName, "etcd"),
		"--listen-client-urls=https://127.0.0.1:2379", "--advertise-client-urls=https://127.0.0.1:2379",
		"--listen-peer-urls=http://127.0.0.1:2380", "--initial-advertise-peer-urls=http://127.0.0.1:2380",
		"--initial-cluster=etcd=http://127.0.0.1:2380",
		"--cert-file=" + u.pki("etcd.crt"), "--key-file=" + u.pki("etcd.key"),
		"--client-cert-auth", "--trusted-ca-file=" + u.ca.CertFile(),
		"--unsafe-no-fsync", // what a lab stores is worth nothing after a crash
	}
}

func (u *upping) apiServerFlags() []string {
	f := u.Families
	return []string{
		"--advertise-address=" + f.controlPlane()[0].String(), "--secure-port=" + strconv.Itoa(apiPort),
		"--tls-cert-file=" + u.pki("apiserver.crt"), "--tls-private-key-file=" + u.pki("apiserver.key"),
		"--client-ca-file=" + u.ca.CertFile(),
		"--etcd-servers=https://127.0.0.1:2379", "--etcd-cafile=" + u.ca.CertFile(),
		"--etcd-certfile=" + u.pki("etcd.crt"), "--etcd-keyfile=" + u.pki("etcd.key"),
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction", "--allow-privileged=true",
		"--service-cluster-ip-range=" + join(f.serviceCIDRs()),
		"--service-account-issuer=https://kubernetes.default.svc." + clusterDomain,
		"--service-account-key-file=" + u.pki("service-account.pub"),
		"--service-account-signing-key-file=" + u.pki("service-account.key"),
		"--kubelet-certificate-authority=" + u.ca.CertFile(),
		"--kubelet-client-certificate=" + u.pki("apiserver-kubelet-client.crt"),
		"--kubelet-client-key=" + u.pki("apiserver-kubelet-client.key"),
		// Node names resolve nowhere in the lab.
		"--kubelet-preferred-address-types=InternalIP",
		"--requestheader-client-ca-file=" + u.pki("front-proxy-ca.crt"),
		"--requestheader-allowed-names=front-proxy-client", "--requestheader-username-headers=X-Remote-User",
		"--requestheader-group-headers=X-Remote-Group", "--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--proxy-client-cert-file=" + u.pki("front-proxy-client.crt"),
		"--proxy-client-key-file=" + u.pki("front-proxy-client.key"),
		// The control plane has no kube-proxy: it reaches the pods behind a Service itself.
		"--enable-aggregator-routing=true",
	}
}

func (u *upping) waitForAPI(ctx context.Context) error {
	return u.await(ctx, "the API server", func(ctx context.Context) (bool, string) {
		body, err := u.api.Discovery().RESTClient().Get().AbsPath("/readyz").DoRaw(ctx)
		if err != nil {
			return false, err.Error()
		}
		return string(body) == "ok", string(body)
	})
}

// startComponents starts all that needs the API server.
func (u *upping) startComponents(ctx context.Context) error {
	controllerManager, scheduler := u.kubeconfigOf(controllerManagerIdentity), u.kubeconfigOf(schedulerIdentity)
	if err := u.startComponent(ctx, u.controlPlane, "kube-controller-manager",
		"--kubeconfig="+controllerManager, "--authentication-kubeconfig="+controllerManager, "--authorization-kubeconfig="+controllerManager,
		"--leader-elect=false", "--use-service-account-credentials=true",
		"--root-ca-file="+u.ca.CertFile(), "--client-ca-file="+u.ca.CertFile(),
		"--cluster-signing-cert-file="+u.ca.CertFile(), "--cluster-signing-key-file="+u.ca.KeyFile(),
		"--service-account-private-key-file="+u.pki("service-account.key"),
		"--service-cluster-ip-range="+join(u.Families.serviceCIDRs()), "--cluster-cidr="+join(u.Families.clusterCIDRs()),
		"--allocate-node-cidrs=false", // the address plan gives each node its own
	); err != nil {
		return err
	}
	if err := u.startComponent(ctx, u.controlPlane, "kube-scheduler",
		"--kubeconfig="+scheduler, "--authentication-kubeconfig="+scheduler, "--authorization-kubeconfig="+scheduler,
		"--leader-elect=false",
	); err != nil {
		return err
	}
	if err := u.grantEngine(ctx); err != nil {
		return err
	}
	nodes, ctx := errgroup.WithContext(ctx)
	for i := range u.nodes {
		nodes.Go(func() error {
			if err := u.startNode(ctx, i+1); err != nil {
				return fmt.Errorf("start node %q: %w", nodeName(i+1), err)
			}
			return nil
		})
	}
	return nodes.Wait()
}
