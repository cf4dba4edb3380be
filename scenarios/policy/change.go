package policy

// Change is the smallest edit of one policy that admits a connection at one end. In a policy that already selects the subject it only
// ever adds, or corrects a selector that matches nothing: nothing that was admitted before is lost.
type Change struct {
	Policy PolicyRef `json:"policy"`
	// Operations are an RFC 6902 JSON patch of the policy, to be applied in order.
	Operations []Operation `json:"operations"`
	// Result is what the end's verdict is afterwards: Allow, or Depends where no edit can say it for every plugin.
	Result Verdict `json:"result"`
}

// Operation is one step of a JSON patch (RFC 6902), limited to what changes need: add and replace.
type Operation struct {
	Op string `json:"op"`
	// Path is an RFC 6901 pointer into the policy; "-" as its last part appends to a list.
	Path string `json:"path"`
	// Value is plain data as encoding/json decodes it, or an API type.
	Value any `json:"value"`
}
