package parts

import (
	"archive/tar"
	"bytes"
	"os"
	"path/filepath"
	"runtime"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"io"
)

// ImagePrefix is the registry, which exists nowhere, of the lab's own images.
const ImagePrefix = "lab.podknock.dev/"

// Images are the programs that also exist as images of one file each, in an
// archive NAME.tar beside them.
var Images = []string{"pause", "coredns"}

// buildImages archives programs, some of Images, as images.
func buildImages(bin string, programs []string) error {
	for _, program := range programs {
		image, err := imageOf(filepath.Join(bin, program))
		if err != nil {
			return err
		}
		tag, err := name.NewTag(ImagePrefix + program + ":lab")
		if err != nil {
			return err
		}
		if err := tarball.WriteToFile(filepath.Join(bin, program+".tar"), tag, image); err != nil {
			return err
		}
	}
	return nil
}

// imageOf makes an image that holds one program and runs it as nobody.
func imageOf(program string) (v1.Image, error) {
	data, err := os.ReadFile(program)
	if err != nil {
		return nil, err
	}
	var content bytes.Buffer
	w := tar.NewWriter(&content)
	if err := w.WriteHeader(&tar.Header{Name: filepath.Base(program), Mode: 0o755, Size: int64(len(data))}); err != nil {
		return nil, err
	}
	if _, err := w.Write(data); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) {
		return io.NopCloser(bytes.NewReader(content.Bytes())), nil
	})
	if err != nil {
		return nil, err
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config.Architecture, config.OS = runtime.GOARCH, "linux"
	config.Config = v1.Config{Entrypoint: []string{"/" + filepath.Base(program)}, User: "65532:65532"}
	return mutate.ConfigFile(image, config)
}
