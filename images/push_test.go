package images_test

import (
	"encoding/base64"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/registry"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/images"
)

// newRegistry is a registry on loopback that lets in whom the function lets in. It returns its host and port.
func newRegistry(t *testing.T, lets func(*http.Request) bool) string {
	t.Helper()
	inner := registry.New(registry.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !lets(r) {
			w.Header().Set("WWW-Authenticate", `Basic realm="test"`)
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

func everybody(*http.Request) bool { return true }

func loggedIn(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	return ok && user == "robot" && password == "secret"
}

func TestReferencesNeedARegistryAndATag(t *testing.T) {
	for _, row := range []string{"agent:dev", "registry.example.org/agent", "registry.example.org/Agent:dev", "registry.example.org/agent@sha256:abc", ""} {
		t.Run(row, func(t *testing.T) {
			_, err := images.ParseReference(row, images.PushOptions{})
			NewWithT(t).Expect(err).To(MatchError(fmt.Sprintf("image %q: write REGISTRY/NAME:TAG, such as registry.example.org/podknock-agent:dev", row)))
		})
	}
	g := NewWithT(t)
	tag, err := images.ParseReference("registry.example.org/podknock-agent:dev", images.PushOptions{PlainHTTP: true})
	g.Expect(err).NotTo(HaveOccurred())
	g.Expect(tag.Scheme()).To(Equal("http"))
}

func TestPush(t *testing.T) {
	index, err := images.Index(imageFor(t, "amd64"), imageFor(t, "arm64"))
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		name   string
		lets   func(*http.Request) bool
		config bool
		wrong  string
	}{
		{"a registry that wants credentials which nobody has", loggedIn, false, "the registry answers 401 Unauthorized: log in with `docker login 127.0.0.1:"},
		{"a registry that anybody may write to", everybody, false, ""},
		{"a registry that wants those of docker's configuration", loggedIn, true, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			g := NewWithT(t)
			host := newRegistry(t, row.lets)
			// Nobody's own credentials take part.
			home := t.TempDir()
			for _, variable := range []string{"HOME", "DOCKER_CONFIG", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
				t.Setenv(variable, filepath.Join(home, "none"))
			}
			t.Setenv("REGISTRY_AUTH_FILE", "")
			if row.config {
				t.Setenv("DOCKER_CONFIG", home)
				config := fmt.Sprintf(`{"auths": {%q: {"auth": %q}}}`, host, base64.StdEncoding.EncodeToString([]byte("robot:secret")))
				g.Expect(os.WriteFile(filepath.Join(home, "config.json"), []byte(config), 0o600)).To(Succeed())
			}
			tag, err := images.ParseReference(host+"/tools/podknock-agent:dev", images.PushOptions{})
			g.Expect(err).NotTo(HaveOccurred())
			digest, err := images.Push(t.Context(), tag, index, images.PushOptions{})
			if row.wrong != "" {
				g.Expect(err).To(MatchError(ContainSubstring(row.wrong)))
				return
			}
			g.Expect(err).NotTo(HaveOccurred())
			want, err := index.Digest()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(digest).To(Equal(want))

			// What a node would get.
			pulled, err := remote.Index(tag, remote.WithAuthFromKeychain(authn.DefaultKeychain))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(validate.Index(pulled)).To(Succeed())
			manifest, err := pulled.IndexManifest()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(manifest.Manifests).To(HaveLen(2))
		})
	}
}

func TestPushSaysThatNobodyAnswers(t *testing.T) {
	g := NewWithT(t)
	index, err := images.Index(imageFor(t, "amd64"))
	g.Expect(err).NotTo(HaveOccurred())
	server := httptest.NewServer(nil)
	host := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	tag, err := images.ParseReference(host+"/podknock-agent:dev", images.PushOptions{})
	g.Expect(err).NotTo(HaveOccurred())
	_, err = images.Push(t.Context(), tag, index, images.PushOptions{})
	g.Expect(err).To(MatchError(And(HavePrefix(`push image "`+host+`/podknock-agent:dev": `), ContainSubstring("connection refused"))))
}
