// Package identity finds labels under which a probe pod may stand beside production.
//
// Policies know a pod by its labels, and so does everything else: a ReplicaSet adopts what its selector matches, a Service sends traffic there, a
// disruption budget counts it. So a probe pod that should be treated by the policies like a certain pod must not simply carry that pod's labels.
// [Synthesize] looks for a label set that every selector of a policy judges as it judges the pod's own, and that no selector of anything else
// matches. The search is complete: if it says that there is none, there is none. Where there is none, [Judge] says which of the selectors that
// keep it from being may be tolerated, and why, and which may not.
//
// Everything is a pure function of its arguments, and the same arguments give the same labels.
package identity
