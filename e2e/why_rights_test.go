//go:build e2e

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/podknock/podknock/runner"
)

// asker makes a ServiceAccount with the documented Role in the namespace of a spec and, where everywhere says so, the ClusterRole, and returns a
// kubeconfig of it.
func asker(ctx context.Context, w *whyWorld, everywhere bool) string {
	GinkgoHelper()
	roles, err := os.ReadFile("../runner/why/role.yaml")
	Expect(err).NotTo(HaveOccurred())
	shell(ctx, w.words("kubectl apply -n NS -f - <<'END'\n"+string(roles)+`
---
apiVersion: v1
kind: ServiceAccount
metadata: {name: asker, namespace: NS}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: asker, namespace: NS}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: podknock-why}
subjects: [{kind: ServiceAccount, namespace: NS, name: asker}]
END`))
	if everywhere {
		shell(ctx, w.words("kubectl create clusterrolebinding NS --clusterrole=podknock-why --serviceaccount=NS:asker"))
	}
	DeferCleanup(func(ctx SpecContext) {
		shell(ctx, w.words("kubectl delete clusterrolebinding NS --ignore-not-found; kubectl delete clusterrole podknock-why"))
	}, NodeTimeout(time.Minute))
	return kubeconfigOf(ctx, w.namespace, "asker")
}

// fromWeb admits web to db, and no more.
const fromWeb = `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}]}]}`

var _ = Describe("podknock why with few rights", Serial, Label("full"), func() {
	It("needs no more than the documented Role and ClusterRole", func(ctx SpecContext) {
		w := worldOf(ctx, whyPair+whyPolicy("NS", "db", fromWeb))
		asker := asker(ctx, w, true)
		for _, how := range [][]string{{"--static"}, {"--yes"}, {"--yes", "--ephemeral"}} {
			answer := askWhy(ctx, asker, append([]string{w.words("NS/web"), w.words("svc/NS/db"), "--expect", "connected"}, how...)...)
			Expect(answer.code).To(BeZero(), "%v", how)
			Expect(strings.Join(answer.report.Unknown, "\n")).NotTo(ContainSubstring("could not be read"))
		}
		// A pod that does not start: the reason is in its events.
		answer := askWhy(ctx, asker, w.words("NS/web"), w.words("NS/db:5432"), "--yes", "--image", "podknock.invalid/none:1", "--image-pull-policy", "Never")
		Expect(answer.causes()).To(Equal([]string{"test"}))
		Expect(answer.out).NotTo(ContainSubstring("forbidden"))
		// With a disagreement a policy of its own is tried too.
		w.onNodes(ctx, &whyCase{node: letThrough})
		shell(ctx, w.words("kubectl delete networkpolicy -n NS db"))
		w.add(ctx, whyPolicy("NS", "deny", denyIngress))
		Eventually(ctx, func(g Gomega) {
			answer := askWhy(ctx, asker, w.words("NS/web"), w.words("svc/NS/db"), "--yes")
			g.Expect(answer.code).To(Equal(runner.ExitMismatch))
			g.Expect(answer.out).NotTo(ContainSubstring("forbidden"))
		}).WithTimeout(time.Minute).WithPolling(time.Second).Should(Succeed())
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))

	It("answers with the Role alone, and says what it could not read", func(ctx SpecContext) {
		w := worldOf(ctx, whyPair+otherClient+otherService)
		asker := asker(ctx, w, false)
		ask := func(to string, args ...string) asked {
			GinkgoHelper()
			answer := askWhy(ctx, asker, append([]string{w.words("NS/web"), w.words(to)}, args...)...)
			if answer.out != "" {
				Expect(answer.report.Unknown).To(ContainElement(ContainSubstring(w.words("pods elsewhere than in NS could not be read"))))
			}
			return answer
		}

		By("asking within the namespace, where all is known")
		for _, how := range [][]string{{"--static"}, {"--yes"}, {"--yes", "--ephemeral"}} {
			answer := ask("svc/NS/db", append(how, "--expect", "connected")...)
			Expect(answer.code).To(BeZero(), "%v", how)
			Expect(answer.causes()).To(BeEmpty())
		}
		w.add(ctx, whyPolicy("NS", "db", strings.Replace(fromWeb, "app: web", "app: wbe", 1)))
		Eventually(ctx, func(g Gomega) {
			answer := ask("NS/db:5432", "--yes", "--expect", "connected")
			g.Expect(answer.code).To(Equal(runner.ExitMismatch))
			g.Expect(answer.causes()).NotTo(BeEmpty())
			g.Expect(answer.causes()[0]).To(Equal("selector-misses"))
			g.Expect(answer.report.Agree).To(BeTrue())
		}).Should(Succeed())

		By("asking about another namespace")
		answer := ask("OTHER/client:8080", "--yes")
		Expect(answer.code).To(Equal(runner.ExitInconclusive))
		Expect(answer.err).To(And(ContainSubstring(w.other), ContainSubstring("forbidden"), ContainSubstring("by its DNS name or address")))
		answer = ask("client.OTHER:80", "--yes", "--expect", "connected")
		Expect(answer.code).To(BeZero(), "what the wire does is known")
		Expect(answer.causes()).To(BeEmpty())
		Expect(answer.report.Answer).To(ContainSubstring("could not be read for both ends"))
		answer = ask("client.OTHER:80", "--static", "--expect", "connected")
		Expect(answer.code).To(Equal(runner.ExitInconclusive))

		By("asking about another namespace that blocks it")
		w.add(ctx, whyPolicy("OTHER", "deny", denyIngress))
		Eventually(ctx, func(g Gomega) {
			answer := ask("client.OTHER:80", "--yes", "--expect", "connected")
			g.Expect(answer.code).To(Equal(runner.ExitMismatch))
			g.Expect(answer.causes()).To(Equal([]string{"unread-end"}))
			g.Expect(answer.report.Agree).To(BeTrue(), "nothing is said about the plugin")
		}).Should(Succeed())

		By("locking its own egress, which it can read, without DNS, which it cannot")
		w.add(ctx, whyPolicy("NS", "web", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: [{to: [{podSelector: {matchLabels: {app: db}}}]}]}`))
		var fix string
		Eventually(ctx, func(g Gomega) {
			answer := ask("db.NS:80", "--yes", "--expect", "connected")
			g.Expect(answer.causes()).NotTo(BeEmpty())
			g.Expect(answer.causes()[0]).To(Equal("dns-forgotten"))
			fix = answer.report.Findings[0].Fix.Command
		}).Should(Succeed())
		shell(ctx, fix)
		Eventually(ctx, func(g Gomega) {
			answer := ask("db.NS:80", "--yes", "--expect", "connected")
			g.Expect(answer.causes()).NotTo(ContainElement("dns-forgotten"))
		}).Should(Succeed())
		expectNothingLeft(ctx)
	}, SpecTimeout(whyTimeout))
})

// kubeconfigOf is a kubeconfig with the rights of a ServiceAccount.
func kubeconfigOf(ctx context.Context, namespace, name string) string {
	GinkgoHelper()
	token, err := clientset.CoreV1().ServiceAccounts(namespace).CreateToken(ctx, name, &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
	Expect(err).NotTo(HaveOccurred())
	config, err := clientcmd.LoadFromFile(kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	current := config.Contexts[config.CurrentContext]
	user := config.AuthInfos[current.AuthInfo].DeepCopy()
	user.ClientCertificate, user.ClientKey, user.ClientCertificateData, user.ClientKeyData, user.Token = "", "", nil, nil, token.Status.Token
	config.AuthInfos[current.AuthInfo] = user
	path := filepath.Join(GinkgoT().TempDir(), "kubeconfig")
	Expect(clientcmd.WriteToFile(*config, path)).To(Succeed())
	return path
}
