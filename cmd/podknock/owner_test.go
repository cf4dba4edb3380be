package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"

	. "github.com/onsi/gomega"
	"github.com/spf13/cobra"
	authenticationv1 "k8s.io/api/authentication/v1"
	"k8s.io/client-go/rest"
)

// newAPIServer answers as an API server does that takes everybody for a user, or lets nobody ask if the user is empty.
func newAPIServer(t *testing.T, user string) *httptest.Server {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /version", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, `{"major": "1", "minor": "36", "gitVersion": "v1.36.3"}`)
	})
	mux.HandleFunc("POST /apis/authentication.k8s.io/v1/selfsubjectreviews", func(w http.ResponseWriter, _ *http.Request) {
		if user == "" {
			http.Error(w, "no", http.StatusForbidden)
			return
		}
		review := authenticationv1.SelfSubjectReview{}
		review.APIVersion, review.Kind = "authentication.k8s.io/v1", "SelfSubjectReview"
		review.Status.UserInfo.Username = user
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(review) // to a test that has gone
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return server
}

// newKubeconfig is a kubeconfig with one cluster and one user.
func newKubeconfig(t *testing.T, server, user string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	text := fmt.Sprintf("apiVersion: v1\nkind: Config\nclusters: [{name: c, cluster: {server: %q}}]\nusers: [{name: %q, user: {}}]\n"+
		"contexts: [{name: here, context: {cluster: c, user: %q}}]\ncurrent-context: here\n", server, user, user)
	NewWithT(t).Expect(os.WriteFile(path, []byte(text), 0o600)).To(Succeed())
	return path
}

func TestTheOwnerIsWhoTheClusterAndTheMachineSay(t *testing.T) {
	for _, row := range []struct {
		name, local, cluster, configured string
		gone                             bool
		want                             string
	}{
		{"a cluster that is gone and a kubeconfig that names a user", "ann", "", "admin", true, "ann@admin"},
		{"a cluster that does not let us ask", "ann", "", "admin", false, "ann@admin"},
		{"a machine without a user, as a pod", "", "system:serviceaccount:ci:robot", "admin", false, "system:serviceaccount:ci:robot"},
		{"the same name twice", "ann", "ann", "admin", false, "ann"},
		{"two names", "ann", "oidc:ann@example.org", "admin", false, "ann@oidc:ann@example.org"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			t.Setenv("USER", row.local)
			t.Setenv("LOGNAME", "")
			server := newAPIServer(t, row.cluster)
			if row.gone {
				server.Close()
			}
			flags := addConnectionFlags(&cobra.Command{}, "")
			*flags.KubeConfig = newKubeconfig(t, server.URL, row.configured)
			g.Expect(flags.owner(t.Context(), &rest.Config{Host: server.URL})).To(Equal(row.want))
		})
	}
	NewWithT(t).Expect(ownerName("", "")).To(Equal("unknown"))
}

func TestVersionAsksTheCluster(t *testing.T) {
	gone := newAPIServer(t, "")
	gone.Close()
	server := newAPIServer(t, "")
	t.Setenv("KUBERNETES_SERVICE_HOST", "")
	for _, row := range []struct {
		name string
		line []string
		want string
	}{
		{"nobody answers", []string{"--kubeconfig", newKubeconfig(t, gone.URL, "u")}, "\ncluster  not known: " + gone.URL + " does not answer: "},
		{"no cluster is configured", []string{"--kubeconfig", "/dev/null"}, "\ncluster  not known: no cluster is configured: name one with --kubeconfig or --server\n"},
		{"a cluster answers", []string{"--kubeconfig", newKubeconfig(t, server.URL, "u")}, "\ncluster  Kubernetes v1.36.3 at " + server.URL + " (context here)\n"},
		{"the server of a flag", []string{"--kubeconfig", "/dev/null", "--server", server.URL}, "\ncluster  Kubernetes v1.36.3 at " + server.URL + "\n"},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			code, out, err := podknock(t, append([]string{"version"}, row.line...)...)
			g.Expect(code).To(Equal(exitOK))
			g.Expect(out).To(ContainSubstring(row.want))
			g.Expect(err).To(BeEmpty())
		})
	}
	g := NewWithT(t)
	_, out, _ := podknock(t, "version", "--client", "--kubeconfig", newKubeconfig(t, server.URL, "u"))
	g.Expect(out).NotTo(ContainSubstring("cluster"))
	_, out, _ = podknock(t, "version", "-o", "json", "--kubeconfig", newKubeconfig(t, server.URL, "u"))
	var v versions
	g.Expect(json.Unmarshal([]byte(out), &v)).To(Succeed())
	g.Expect(v.Cluster).To(Equal(&clusterVersion{Context: "here", Server: server.URL, Version: "v1.36.3"}))
}
