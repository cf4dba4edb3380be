package policy

import (
	"testing"

	. "github.com/onsi/gomega"
)

func TestTellingLabel(t *testing.T) {
	type set = map[string]string
	for _, row := range []struct {
		name       string
		of, others []set
		key, value string
	}{
		{"no pod has no label", nil, []set{{"app": "web"}}, "", ""},
		{"a pod without labels cannot be told", []set{{}}, []set{{"app": "web"}}, "", ""},
		{"all have it", []set{{"app": "db"}}, []set{{"app": "db"}}, "", ""},
		{"only some of those that are meant have it", []set{{"app": "db"}, {"tier": "back"}}, nil, "", ""},
		{"controllers made it up", []set{{"pod-template-hash": "x"}}, []set{{"app": "web"}}, "", ""},
		{"the name of the application comes first", []set{{"a": "1", "app": "db"}}, []set{{"app": "web"}}, "app", "db"},
		{"another key where the name does not tell", []set{{"app": "shop", "tier": "back"}, {"app": "shop", "tier": "back"}}, []set{{"app": "shop", "tier": "front"}}, "tier", "back"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			key, value, found := TellingLabel(row.of, row.others)
			g.Expect(found).To(Equal(row.key != ""))
			g.Expect([]string{key, value}).To(Equal([]string{row.key, row.value}))
		})
	}
}
