package images_test

import (
	"archive/tar"
	"bytes"
	"context"
	"debug/elf"
	"io"
	"io/fs"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/types"
	"github.com/google/go-containerregistry/pkg/v1/validate"
	. "github.com/onsi/gomega"

	"github.com/podknock/podknock/images"
)

const (
	testRelease = "v0.1.0-test"
	testName    = "podknock.dev/agent:v0.1.0-test"
)

// compiled compiles the agent for each architecture once.
var compiled = sync.OnceValues(func() (map[string][]byte, error) {
	programs := make(map[string][]byte)
	for _, architecture := range images.Architectures() {
		program, err := images.Compile(context.Background(), "", images.Agent, architecture, testRelease)
		if err != nil {
			return nil, err
		}
		programs[architecture] = program
	}
	return programs, nil
})

// packed makes an image of the agent for each architecture once, as images never change.
var packed = sync.OnceValues(func() (map[string]v1.Image, error) {
	programs, err := compiled()
	made := make(map[string]v1.Image)
	for architecture, program := range programs {
		if made[architecture], err = images.Image(images.Agent, program, architecture, testRelease); err != nil {
			return nil, err
		}
	}
	return made, err
})

func imageFor(t *testing.T, architecture string) v1.Image {
	t.Helper()
	made, err := packed()
	NewWithT(t).Expect(err).NotTo(HaveOccurred())
	return made[architecture]
}

func TestCompileSaysWhatFailed(t *testing.T) {
	g := NewWithT(t)
	_, err := images.Compile(t.Context(), "", images.Agent, "abacus", testRelease)
	g.Expect(err).To(MatchError(And(HavePrefix(`compile podknock-agent for "abacus": `), ContainSubstring("unsupported GOOS/GOARCH pair linux/abacus"))))
}

func TestImage(t *testing.T) {
	machines := map[string]elf.Machine{"amd64": elf.EM_X86_64, "arm64": elf.EM_AARCH64}
	for _, architecture := range images.Architectures() {
		t.Run(architecture, func(t *testing.T) {
			g := NewWithT(t)
			image := imageFor(t, architecture)
			config, err := image.ConfigFile()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(config.Architecture).To(Equal(architecture))
			g.Expect(config.OS).To(Equal("linux"))
			g.Expect(config.Config.User).To(Equal("65532:65532"))
			g.Expect(config.Config.Entrypoint).To(Equal([]string{"/podknock-agent"}))
			g.Expect(config.Config.Cmd).To(BeEmpty())
			g.Expect(config.Config.Env).To(BeEmpty())
			g.Expect(config.Config.Volumes).To(BeEmpty())
			g.Expect(config.Config.Labels).To(HaveKeyWithValue("org.opencontainers.image.version", testRelease))
			g.Expect(config.Created.Unix()).To(BeZero())

			layers, err := image.Layers()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(layers).To(HaveLen(1))
			size, err := layers[0].Size()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(size).To(BeNumerically("<=", 4_000_000), "the whole image, compressed")

			files := mutate.Extract(image)
			defer files.Close()
			archive := tar.NewReader(files)
			header, err := archive.Next()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(header.Name).To(Equal("podknock-agent"))
			g.Expect(header.Mode).To(Equal(int64(0o555)))
			program, err := io.ReadAll(archive)
			g.Expect(err).NotTo(HaveOccurred())
			_, err = archive.Next()
			g.Expect(err).To(Equal(io.EOF), "nothing but the program: no shell")

			binary, err := elf.NewFile(bytes.NewReader(program))
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(binary.Machine).To(Equal(machines[architecture]))
			libraries, err := binary.ImportedLibraries()
			g.Expect(err == nil && len(libraries) > 0).To(BeFalse(), "it needs no library: %v", libraries)
			for _, segment := range binary.Progs {
				g.Expect(segment.Type).NotTo(Equal(elf.PT_INTERP), "it needs no loader")
			}
			g.Expect(bytes.Contains(program, []byte(testRelease))).To(BeTrue(), "it tells its release")
		})
	}
}

// files returns the files of an archive in their order.
func files(t *testing.T, archive []byte) (names []string, contents map[string][]byte) {
	t.Helper()
	g := NewWithT(t)
	contents = make(map[string][]byte)
	for reader := tar.NewReader(bytes.NewReader(archive)); ; {
		header, err := reader.Next()
		if err == io.EOF {
			return names, contents
		}
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(header.ModTime.Unix()).To(BeZero())
		g.Expect(header.Uid).To(BeZero())
		g.Expect(header.Uname).To(BeEmpty())
		names = append(names, header.Name)
		contents[header.Name], err = io.ReadAll(reader)
		g.Expect(err).NotTo(HaveOccurred())
	}
}

// asFS returns the files, without their directories, as a file system.
func asFS(contents map[string][]byte) fs.FS {
	system := make(fstest.MapFS)
	for name, content := range contents {
		if !strings.HasSuffix(name, "/") {
			system[name] = &fstest.MapFile{Data: content, Mode: 0o644}
		}
	}
	return system
}

func TestSave(t *testing.T) {
	index, err := images.Index(imageFor(t, "amd64"), imageFor(t, "arm64"))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name      string
		image     mutate.Appendable
		mediaType types.MediaType
		platforms []string
	}{
		{"one architecture", imageFor(t, "arm64"), types.OCIManifestSchema1, []string{"linux/arm64/v8"}},
		{"all architectures", index, types.OCIImageIndex, []string{"linux/amd64", "linux/arm64/v8"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			g := NewWithT(t)
			var archive bytes.Buffer
			g.Expect(images.Save(&archive, testName, tc.image)).To(Succeed())
			names, contents := files(t, archive.Bytes())
			g.Expect(names).To(ContainElements("oci-layout", "index.json", "blobs/sha256/"))

			// Read it back as a loader does.
			dir := t.TempDir()
			g.Expect(os.CopyFS(dir, asFS(contents))).To(Succeed())
			path, err := layout.FromPath(dir)
			g.Expect(err).NotTo(HaveOccurred())
			read, err := path.ImageIndex()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(validate.Index(read)).To(Succeed())
			manifest, err := read.IndexManifest()
			g.Expect(err).NotTo(HaveOccurred())
			g.Expect(manifest.Manifests).To(HaveLen(1))
			descriptor := manifest.Manifests[0]
			g.Expect(descriptor.MediaType).To(Equal(tc.mediaType))
			g.Expect(descriptor.Annotations).To(Equal(map[string]string{
				"org.opencontainers.image.ref.name": testName, "io.containerd.image.name": testName,
			}))
			var platforms []string
			if descriptor.Platform != nil {
				platforms = []string{descriptor.Platform.String()}
			} else {
				inner, err := read.ImageIndex(descriptor.Digest)
				g.Expect(err).NotTo(HaveOccurred())
				innerManifest, err := inner.IndexManifest()
				g.Expect(err).NotTo(HaveOccurred())
				for _, m := range innerManifest.Manifests {
					platforms = append(platforms, m.Platform.String())
				}
			}
			g.Expect(platforms).To(Equal(tc.platforms))
		})
	}
}

func TestTheSameSourcesGiveTheSameBytes(t *testing.T) {
	g := NewWithT(t)
	archives := make([]bytes.Buffer, 2)
	for i := range archives {
		// From another directory of the module, and compiled again.
		program, err := images.Compile(t.Context(), []string{"..", "build"}[i], images.Agent, "amd64", testRelease)
		g.Expect(err).NotTo(HaveOccurred())
		image, err := images.Image(images.Agent, program, "amd64", testRelease)
		g.Expect(err).NotTo(HaveOccurred())
		index, err := images.Index(image)
		g.Expect(err).NotTo(HaveOccurred())
		g.Expect(images.Save(&archives[i], testName, index)).To(Succeed())
	}
	g.Expect(bytes.Equal(archives[0].Bytes(), archives[1].Bytes())).To(BeTrue())
}

// The Dockerfile is for those who prefer it, and must not drift from what Image makes.
func TestDockerfileGivesTheSame(t *testing.T) {
	g := NewWithT(t)
	text, err := os.ReadFile("Dockerfile")
	g.Expect(err).NotTo(HaveOccurred())
	_, final, found := strings.Cut(string(text), "\nFROM scratch\n")
	g.Expect(found).To(BeTrue(), "the last stage begins with nothing")
	copies := regexp.MustCompile(`(?m)^COPY .*$`).FindAllString(final, -1)
	g.Expect(copies).To(Equal([]string{"COPY --from=build --chmod=0555 /podknock-agent " + images.Agent.Path()}), "nothing but the program")
	g.Expect(final).NotTo(MatchRegexp(`(?m)^(RUN|ADD|ENV|CMD|VOLUME|EXPOSE|HEALTHCHECK) `))
	g.Expect(final).To(ContainSubstring("\nUSER " + images.User + "\n"))
	g.Expect(final).To(ContainSubstring("\nWORKDIR /\n"))
	g.Expect(final).To(ContainSubstring(`ENTRYPOINT ["` + images.Agent.Path() + `"]`))

	config, err := imageFor(t, "amd64").ConfigFile()
	g.Expect(err).NotTo(HaveOccurred())
	for name, value := range config.Config.Labels {
		if value == testRelease {
			value = "$RELEASE"
		}
		g.Expect(final).To(ContainSubstring(name + "=" + value))
	}
	g.Expect(string(text)).To(ContainSubstring(`-ldflags "-s -w -buildid= -X main.release=$RELEASE"`))
}
