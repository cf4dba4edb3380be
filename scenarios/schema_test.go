package scenarios

import (
	"flag"
	"os"
	"reflect"
	"testing"

	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/podknock/podknock/scenarios/internal/manifest"
	"github.com/podknock/podknock/scenarios/internal/schemagen"
)

var update = flag.Bool("update", false, "write golden files instead of comparing with them")

const schemaFile = "schema/scenario.schema.json"

// TestSchemaIsThatOfTheTypes keeps the committed schema equal to what the types say. `-update` writes it.
func TestSchemaIsThatOfTheTypes(t *testing.T) {
	g := NewWithT(t)
	generated, err := generateSchema()
	g.Expect(err).NotTo(HaveOccurred())
	if *update {
		g.Expect(os.WriteFile(schemaFile, generated, 0o644)).To(Succeed())
	}
	committed, err := os.ReadFile(schemaFile)
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(string(committed)).To(Equal(string(generated)), "run go test ./scenarios -run Schema -update")
}

func generateSchema() ([]byte, error) {
	comments, err := schemagen.ReadComments(".")
	if err != nil {
		return nil, err
	}
	type schema = schemagen.Schema
	generator := &schemagen.Generator{Comments: comments, Package: reflect.TypeFor[Scenario]().PkgPath()}
	words := func(values ...string) func() schema {
		return func() schema { return schema{"type": "string", "enum": values} }
	}
	generator.Special = map[reflect.Type]func() schema{
		reflect.TypeFor[Expectations](): func() schema {
			return schema{"anyOf": []schema{
				{"const": policiesWord},
				{"type": "array", "minItems": 1, "items": generator.Of(reflect.TypeFor[Expectation]())},
			}}
		},
		reflect.TypeFor[Apply](): func() schema {
			return schema{"anyOf": []schema{{"type": "string"}, generator.Of(reflect.TypeFor[manifest.NetworkPolicy]())}}
		},
		reflect.TypeFor[LabelChange](): func() schema {
			return schema{"type": "object", "minProperties": 1, "additionalProperties": schema{"type": []string{"string", "null"}}}
		},
		reflect.TypeFor[intstr.IntOrString](): func() schema {
			return schema{"type": []string{"integer", "string"}}
		},
		reflect.TypeFor[corev1.Protocol](): words(
			string(corev1.ProtocolTCP), string(corev1.ProtocolUDP), string(corev1.ProtocolSCTP)),
		reflect.TypeFor[networkingv1.PolicyType](): words(
			string(networkingv1.PolicyTypeIngress), string(networkingv1.PolicyTypeEgress)),
		reflect.TypeFor[metav1.LabelSelectorOperator](): words(
			string(metav1.LabelSelectorOpIn), string(metav1.LabelSelectorOpNotIn),
			string(metav1.LabelSelectorOpExists), string(metav1.LabelSelectorOpDoesNotExist)),
	}
	return generator.Document(reflect.TypeFor[Scenario](),
		"https://podknock.dev/schema/v1alpha1/scenario.schema.json", "podknock scenario")
}
