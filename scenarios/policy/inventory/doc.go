// Package inventory holds what is known about a cluster, or about manifests that are to be applied to one, and where each object stands.
//
// A [Reader] collects objects from files: any number of YAML or JSON documents, Lists among them, as people write them and as `helm template` and
// `kubectl get -o yaml` print them. NetworkPolicies are read strictly; of Namespaces, Pods, what makes pods, Services, EndpointSlices, Nodes and
// webhook configurations the parts that matter to policies; all other kinds are counted. Policies of other APIs are named.
//
// A workload stands for its pods: a Deployment "web" becomes one pod called "deploy/web" with the labels of its template.
//
// Objects of a live cluster are put into an [Inventory] by whoever reads it; they have no positions.
package inventory
