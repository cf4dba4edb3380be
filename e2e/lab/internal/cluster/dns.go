package cluster

import (
	"context"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// The names of the cluster's DNS are those that installers give it and that
// policies select it by.
const (
	dnsName      = "coredns"
	dnsService   = "kube-dns"
	dnsNamespace = metav1.NamespaceSystem
)

var dnsLabels = map[string]string{"k8s-app": "kube-dns"}

// corefile serves the cluster's names and those of the world outside. All
// other names do not exist: there is nobody to ask.
func (u *upping) corefile() string {
	var hosts strings.Builder
	for _, a := range u.Families.worldHosts() {
		fmt.Fprintf(&hosts, "        %s api.world.test\n", a)
	}
	return `.:53 {
    errors
    health :8080
    ready :8181
    kubernetes ` + clusterDomain + ` in-addr.arpa ip6.arpa {
        pods insecure
    }
    hosts {
` + hosts.String() + `        fallthrough
    }
    template ANY ANY . {
        rcode NXDOMAIN
    }
    cache 5
}
`
}

// installDNS makes CoreDNS, with the rights, the Deployment and the Service
// that other clusters have it with.
func (u *upping) installDNS(ctx context.Context) error {
	meta := metav1.ObjectMeta{Name: dnsName, Namespace: dnsNamespace, Labels: dnsLabels}
	if _, err := u.api.CoreV1().ServiceAccounts(dnsNamespace).Create(ctx, &corev1.ServiceAccount{ObjectMeta: meta}, metav1.CreateOptions{}); err != nil {
		return err
	}
	role := metav1.ObjectMeta{Name: "system:" + dnsName}
	read := []string{"list", "watch"}
	if _, err := u.api.RbacV1().ClusterRoles().Create(ctx, &rbacv1.ClusterRole{ObjectMeta: role, Rules: []rbacv1.PolicyRule{
		{APIGroups: []string{""}, Resources: []string{"endpoints", "services", "pods", "namespaces"}, Verbs: read},
		{APIGroups: []string{"discovery.k8s.io"}, Resources: []string{"endpointslices"}, Verbs: read},
	}}, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := u.api.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: role,
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: role.Name},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Name: dnsName, Namespace: dnsNamespace}},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := u.api.CoreV1().ConfigMaps(dnsNamespace).Create(ctx, &corev1.ConfigMap{
		ObjectMeta: meta, Data: map[string]string{"Corefile": u.corefile()},
	}, metav1.CreateOptions{}); err != nil {
		return err
	}
	if _, err := u.api.AppsV1().Deployments(dnsNamespace).Create(ctx, dnsDeployment(meta), metav1.CreateOptions{}); err != nil {
		return err
	}
	addresses := strings.Split(join(u.Families.dnsService()), ",")
	policy := corev1.IPFamilyPolicyPreferDualStack
	_, err := u.api.CoreV1().Services(dnsNamespace).Create(ctx, &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: dnsService, Namespace: dnsNamespace, Labels: dnsLabels},
		Spec: corev1.ServiceSpec{
			Selector: dnsLabels, ClusterIP: addresses[0], ClusterIPs: addresses, IPFamilyPolicy: &policy,
			Ports: []corev1.ServicePort{
				{Name: "dns", Protocol: corev1.ProtocolUDP, Port: 53, TargetPort: intstr.FromString("dns")},
				{Name: "dns-tcp", Protocol: corev1.ProtocolTCP, Port: 53, TargetPort: intstr.FromString("dns-tcp")},
			},
		},
	}, metav1.CreateOptions{})
	return err
}

func dnsDeployment(meta metav1.ObjectMeta) *appsv1.Deployment {
	replicas, yes, no := int32(2), true, false
	return &appsv1.Deployment{
		ObjectMeta: meta,
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas,
			Selector: &metav1.LabelSelector{MatchLabels: dnsLabels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: dnsLabels},
				Spec: corev1.PodSpec{
					ServiceAccountName: dnsName,
					DNSPolicy:          corev1.DNSDefault,
					PriorityClassName:  "system-cluster-critical",
					TopologySpreadConstraints: []corev1.TopologySpreadConstraint{{
						MaxSkew: 1, TopologyKey: corev1.LabelHostname, WhenUnsatisfiable: corev1.ScheduleAnyway,
						LabelSelector: &metav1.LabelSelector{MatchLabels: dnsLabels},
					}},
					Containers: []corev1.Container{{
						Name: dnsName, Image: coreDNSImage, ImagePullPolicy: corev1.PullIfNotPresent,
						Args: []string{"-conf", "/etc/coredns/Corefile"},
						Ports: []corev1.ContainerPort{
							{Name: "dns", Protocol: corev1.ProtocolUDP, ContainerPort: 53},
							{Name: "dns-tcp", Protocol: corev1.ProtocolTCP, ContainerPort: 53},
						},
						ReadinessProbe: &corev1.Probe{
							ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/ready", Port: intstr.FromInt32(8181)}},
							PeriodSeconds: 1,
						},
						SecurityContext: &corev1.SecurityContext{
							RunAsNonRoot: &yes, ReadOnlyRootFilesystem: &yes, AllowPrivilegeEscalation: &no,
							Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
						},
						VolumeMounts: []corev1.VolumeMount{{Name: "config", MountPath: "/etc/coredns", ReadOnly: true}},
					}},
					Volumes: []corev1.Volume{{Name: "config", VolumeSource: corev1.VolumeSource{
						ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: meta.Name}},
					}}},
				},
			},
		},
	}
}

func (u *upping) waitForDNS(ctx context.Context) error {
	return u.await(ctx, "DNS to be Ready", func(ctx context.Context) (bool, string) {
		d, err := u.api.AppsV1().Deployments(dnsNamespace).Get(ctx, dnsName, metav1.GetOptions{})
		if err != nil {
			return false, err.Error()
		}
		want := *d.Spec.Replicas
		return d.Status.ReadyReplicas == want, fmt.Sprintf("%d of %d pods of deployment %q are Ready", d.Status.ReadyReplicas, want, dnsName)
	})
}
