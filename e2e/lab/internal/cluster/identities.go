package cluster

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/podknock/podknock/e2e/lab/internal/pki"
)

// identity is a client of the API server and the groups that give it rights.
type identity struct {
	file, user string
	groups     []string
}

var (
	adminIdentity             = identity{"admin", "podknock-lab-admin", []string{"system:masters"}}
	controllerManagerIdentity = identity{"controller-manager", "system:kube-controller-manager", nil}
	schedulerIdentity         = identity{"scheduler", "system:kube-scheduler", nil}
	proxyIdentity             = identity{"kube-proxy", "system:kube-proxy", nil}
	engineIdentity            = identity{"kube-network-policies", "podknock-lab:kube-network-policies", nil}
)

func kubeletIdentity(node string) identity {
	return identity{"kubelet-" + node, "system:node:" + node, []string{"system:nodes"}}
}

// issueCertificates makes the authority and every certificate and kubeconfig.
func (u *upping) issueCertificates(context.Context) error {
	var err error
	if u.ca, err = pki.NewAuthority(u.pki(), "ca"); err != nil {
		return err
	}
	frontProxy, err := pki.NewAuthority(u.pki(), "front-proxy-ca")
	if err != nil {
		return err
	}
	if _, err := frontProxy.Issue(pki.Request{File: "front-proxy-client", User: "front-proxy-client"}); err != nil {
		return err
	}
	if _, _, err := pki.ServiceAccountKey(u.pki(), "service-account"); err != nil {
		return err
	}
	loopback := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}
	servers := []pki.Request{
		{File: "etcd", User: "etcd", Names: []string{"localhost"}, Addresses: loopback},
		{File: "apiserver", User: "kube-apiserver",
			Names:     []string{"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc." + clusterDomain},
			Addresses: append(append(loopback, u.Families.controlPlane()...), u.Families.apiService()...)},
		{File: "apiserver-kubelet-client", User: "kube-apiserver-kubelet-client", Groups: []string{"system:masters"}},
	}
	for n := 1; n <= u.Nodes; n++ {
		name := nodeName(n)
		servers = append(servers, pki.Request{
			File: "kubelet-serving-" + name, User: "system:node:" + name, Groups: []string{"system:nodes"},
			Names: []string{name}, Addresses: u.Families.node(n),
		})
	}
	for _, request := range servers {
		if _, err := u.ca.Issue(request); err != nil {
			return err
		}
	}
	local := "https://127.0.0.1:" + strconv.Itoa(apiPort)
	remote := "https://" + net.JoinHostPort(u.Families.controlPlane()[0].String(), strconv.Itoa(apiPort))
	for _, c := range []struct {
		identity
		server string
	}{
		{controllerManagerIdentity, local}, {schedulerIdentity, local},
		{proxyIdentity, remote}, {engineIdentity, remote}, {adminIdentity, "https://" + u.entrance},
	} {
		if err := u.writeKubeconfig(c.identity, c.server); err != nil {
			return err
		}
	}
	for n := 1; n <= u.Nodes; n++ {
		if err := u.writeKubeconfig(kubeletIdentity(nodeName(n)), remote); err != nil {
			return err
		}
	}
	return u.publishKubeconfig()
}

func (u *upping) kubeconfigOf(id identity) string { return u.pki(id.file + ".kubeconfig") }

// writeKubeconfig issues a client certificate and stores the kubeconfig that
// uses it, with everything inside the one file.
func (u *upping) writeKubeconfig(id identity, server string) error {
	pair, err := u.ca.Issue(pki.Request{File: id.file, User: id.user, Groups: id.groups})
	if err != nil {
		return err
	}
	read := func(path string) []byte {
		data, readErr := os.ReadFile(path)
		if err == nil {
			err = readErr
		}
		return data
	}
	name := "podknock-" + u.Name
	config := clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{name: {Server: server, CertificateAuthorityData: read(u.ca.CertFile())}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{id.user: {ClientCertificateData: read(pair.Cert), ClientKeyData: read(pair.Key)}},
		Contexts:       map[string]*clientcmdapi.Context{name: {Cluster: name, AuthInfo: id.user}},
		CurrentContext: name,
	}
	if err != nil {
		return fmt.Errorf("write kubeconfig of %q: %w", id.user, err)
	}
	return clientcmd.WriteToFile(config, u.kubeconfigOf(id))
}

// publishKubeconfig puts the administrator's kubeconfig where users look, and
// makes the client that the rest of the start uses.
func (u *upping) publishKubeconfig() error {
	data, err := os.ReadFile(u.kubeconfigOf(adminIdentity))
	if err != nil {
		return err
	}
	if err := os.WriteFile(u.kubeconfig(), data, 0o600); err != nil {
		return err
	}
	u.api, err = clientFor(u.kubeconfig())
	return err
}

func clientFor(kubeconfig string) (kubernetes.Interface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, err
	}
	config.QPS, config.Burst = 100, 100 // the lab is nobody else's
	return kubernetes.NewForConfig(config)
}
