//go:build e2e

package e2e

import (
	"context"

	. "github.com/onsi/ginkgo/v2"
)

// The pods of some cases.
const (
	otherClient = `
apiVersion: v1
kind: Pod
metadata: {name: client, namespace: OTHER, labels: {app: client}}
spec:
  nodeName: NODE1
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none]}]
---`
	otherService = `
apiVersion: v1
kind: Service
metadata: {name: client, namespace: OTHER}
spec: {selector: {app: client}, ports: [{port: 80, targetPort: 8080}]}
---`
	hostClient = `
apiVersion: v1
kind: Pod
metadata: {name: ingress, namespace: NS, labels: {app: ingress}}
spec:
  nodeName: NODE1
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "15431/TCP", -control, none]}]
---`
	hostServer = `
apiVersion: v1
kind: Pod
metadata: {name: hostdb, namespace: NS, labels: {app: hostdb}}
spec:
  nodeName: NODE2
  hostNetwork: true
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "15432/TCP", -control, none]}]
---`
	webhookOfDB = `
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingWebhookConfiguration
metadata: {name: NS}
webhooks:
- name: db.example.org
  admissionReviewVersions: [v1]
  sideEffects: None
  failurePolicy: Ignore
  clientConfig: {service: {namespace: NS, name: db, port: 80}}
  rules: [{apiGroups: [none.example.org], apiVersions: [v1], operations: [CREATE], resources: [nothings]}]
---`
	adminPolicyKind = `
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: ciliumnetworkpolicies.cilium.io
spec:
  group: cilium.io
  scope: Namespaced
  names: {kind: CiliumNetworkPolicy, plural: ciliumnetworkpolicies, singular: ciliumnetworkpolicy, listKind: CiliumNetworkPolicyList}
  versions: [{name: v2, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}]
---`
	meshDB = `
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: NS, labels: {app: db}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers:
  - {name: app, image: IMAGE, args: [serve, -listen, "5432/TCP", -control, none], ports: [{containerPort: 5432}]}
  - {name: istio-proxy, image: IMAGE, args: [serve, -listen, "15001/TCP", -control, none]}
---`
	wrongTarget = `
apiVersion: v1
kind: Service
metadata: {name: wrong, namespace: NS}
spec: {selector: {app: db}, ports: [{port: 80, targetPort: 5433}]}
---`
	emptyService = `
apiVersion: v1
kind: Service
metadata: {name: empty, namespace: NS}
spec: {selector: {app: dbb}, ports: [{port: 80, targetPort: 5432}]}
---`
	unreadyService = `
apiVersion: v1
kind: Pod
metadata: {name: slow, namespace: NS, labels: {app: slow}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], readinessProbe: {tcpSocket: {port: 9}}}]
---
apiVersion: v1
kind: Service
metadata: {name: slow, namespace: NS}
spec: {selector: {app: slow}, ports: [{port: 80, targetPort: 8080}]}
---`
	// finishedPod is one that no kubelet looks after, so that its status stays as it is written.
	finishedPod = `
apiVersion: v1
kind: Pod
metadata: {name: done, namespace: NS, labels: {app: done}}
spec:
  schedulerName: none
  restartPolicy: Never
  containers: [{name: app, image: IMAGE, args: [version]}]
---`
	hostLabel = `
apiVersion: v1
kind: Pod
metadata: {name: db, namespace: NS, labels: {app: db, host: a}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "5432/TCP", -control, none], ports: [{containerPort: 5432}]}]
---`
	multusDB = `
apiVersion: v1
kind: Pod
metadata:
  name: db
  namespace: NS
  labels: {app: db}
  annotations: {k8s.v1.cni.cncf.io/network-status: '[{"name": "lab", "ips": ["10.244.2.9"]}, {"name": "NS/second", "interface": "net1", "ips": ["10.9.9.9"]}]'}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "5432/TCP", -control, none], ports: [{containerPort: 5432}]}]
---`
	deployment = `
apiVersion: apps/v1
kind: Deployment
metadata: {name: api, namespace: NS}
spec:
  replicas: 2
  selector: {matchLabels: {app: api}}
  template:
    metadata: {labels: {app: api}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], ports: [{containerPort: 8080}]}]
---
apiVersion: v1
kind: Service
metadata: {name: api, namespace: NS}
spec: {selector: {app: api}, ports: [{port: 80, targetPort: 8080}]}
---`
	// otherDNS stands for name servers that listen on another port than their Service.
	otherDNS = `
apiVersion: v1
kind: Pod
metadata: {name: names, namespace: NS, labels: {app: names}}
spec:
  nodeName: NODE2
  terminationGracePeriodSeconds: 0
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "5353/UDP,5353/TCP", -control, none]}]
---
apiVersion: v1
kind: Service
metadata: {name: names, namespace: NS}
spec: {selector: {app: names}, ports: [{name: dns, port: 53, targetPort: 5353, protocol: UDP}, {name: dns-tcp, port: 53, targetPort: 5353, protocol: TCP}]}
---`
)

// dropFrom loses what web's labels send to db, also from the doubles: all that the pods of the first node send there.
var dropFrom = []string{"-I FORWARD -s 10.244.1.0/24 -p tcp --dport 5432 -j DROP", "-I FORWARD -s 10.244.2.0/24 -p tcp --dport 5432 -j DROP"}

// letThrough lets everything through to the real db and nothing else, whatever the policies say.
var letThrough = []string{"-I FORWARD -d POD(db) -j ACCEPT"}

// webWithServer is web with a name server of its own.
func webWithServer(server string) string {
	if server == "NODEIP" {
		server = "10.89.0.12"
	}
	return `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: NS, labels: {app: web}}
spec:
  nodeName: NODE1
  terminationGracePeriodSeconds: 0
  dnsPolicy: None
  dnsConfig: {nameservers: ["` + server + `"]}
  containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none], ports: [{containerPort: 8080}]}]
---`
}

// fakeAgent is a DaemonSet that is named like the agent of a network.
func fakeAgent(name string) string {
	return `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: ` + name + `, namespace: OTHER}
spec:
  selector: {matchLabels: {k8s-app: ` + name + `}}
  template:
    metadata: {labels: {k8s-app: ` + name + `}}
    spec:
      nodeSelector: {example.org/none: "true"}
      containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none]}]
---`
}

// webWithOtherDNS makes web when the address of its name server is known.
func webWithOtherDNS(ctx context.Context, w *whyWorld) {
	address := shell(ctx, w.words("kubectl get svc -n NS names -o jsonpath='{.spec.clusterIP}'"))
	w.apply(ctx, &whyCase{manifests: webWithServer(address)})
}

// adminPolicy makes a policy of another API when its kind is there.
func adminPolicy(ctx context.Context, w *whyWorld) {
	shell(ctx, "kubectl wait --for=condition=Established crd/ciliumnetworkpolicies.cilium.io --timeout=20s")
	w.add(ctx, `
apiVersion: cilium.io/v2
kind: CiliumNetworkPolicy
metadata: {name: db, namespace: NS}
spec: {endpointSelector: {matchLabels: {"k8s:app": db}}, ingress: [{}]}`)
	DeferCleanup(func(ctx SpecContext) { shell(ctx, "kubectl delete crd ciliumnetworkpolicies.cilium.io --timeout=90s") }, NodeTimeout(whyTimeout))
}

// awaitRunning waits until all pods run, ready or not.
func awaitRunning(ctx context.Context, w *whyWorld) {
	shell(ctx, w.words("kubectl wait -n NS --for=jsonpath='{.status.phase}'=Running pod --all --timeout=90s"))
}

// sameAddress gives the finished pod the address of db.
func sameAddress(ctx context.Context, w *whyWorld) {
	shell(ctx, w.words("kubectl wait -n NS --for=condition=Ready pod/web pod/db --timeout=90s"))
	address := w.address(ctx, "db", false)
	shell(ctx, w.words(`kubectl patch pod done -n NS --subresource=status --type=merge -p '{"status":{"phase":"Succeeded","podIP":"`+address+`","podIPs":[{"ip":"`+address+`"}]}}'`))
}

// removeWebhook removes the webhook's configuration, which is in no namespace, at the end.
func removeWebhook(_ context.Context, w *whyWorld) {
	DeferCleanup(func(ctx SpecContext) {
		shell(ctx, w.words("kubectl delete validatingwebhookconfiguration NS"))
	}, NodeTimeout(whyTimeout))
}

// virtualNode labels the node of db as one that no engine covers.
func virtualNode(ctx context.Context, _ *whyWorld) {
	shell(ctx, "kubectl label node node2 type=virtual-kubelet --overwrite")
	DeferCleanup(func(ctx SpecContext) { shell(ctx, "kubectl label node node2 type-") }, NodeTimeout(whyTimeout))
}

// laterAgent starts something that looks like the network's agent, after the pods.
func laterAgent(ctx context.Context, w *whyWorld) {
	w.add(ctx, `
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: calico-node, namespace: OTHER}
spec:
  selector: {matchLabels: {k8s-app: calico-node}}
  template:
    metadata: {labels: {k8s-app: calico-node}}
    spec:
      terminationGracePeriodSeconds: 0
      containers: [{name: app, image: IMAGE, args: [serve, -listen, "8080/TCP", -control, none]}]`)
	shell(ctx, w.words("kubectl rollout status -n OTHER ds/calico-node --timeout=90s"))
}
