package images

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// User is whom programs run as: a number, so that the kubelet sees that it is not root (runAsNonRoot).
const User = "65532:65532"

// made is when everything in an image was made, as far as it tells.
var made = time.Unix(0, 0).UTC()

// Image returns an image of a program for Linux on an architecture. release goes into its labels.
func Image(name Name, program []byte, architecture, release string) (v1.Image, error) {
	image, err := imageOf(name, program, architecture, release)
	if err != nil {
		return nil, fmt.Errorf("make image of %s for %q: %w", name, architecture, err)
	}
	return image, nil
}

func imageOf(name Name, program []byte, architecture, release string) (v1.Image, error) {
	layer, err := layerOf(name, program)
	if err != nil {
		return nil, err
	}
	base := mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
	image, err := mutate.Append(base, mutate.Addendum{
		Layer:   layer,
		History: v1.History{Created: v1.Time{Time: made}, CreatedBy: "COPY " + string(name) + " " + name.Path()},
	})
	if err != nil {
		return nil, err
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Created = "linux", architecture, v1.Time{Time: made}
	if architecture == "arm64" {
		config.Variant = "v8"
	}
	config.Config = v1.Config{
		User:       User,
		WorkingDir: "/",
		Entrypoint: []string{name.Path()},
		Labels: map[string]string{
			"org.opencontainers.image.title":    string(name),
			"org.opencontainers.image.source":   "https://github.com/podknock/podknock",
			"org.opencontainers.image.licenses": "Apache-2.0",
			"org.opencontainers.image.version":  release,
		},
	}
	return mutate.ConfigFile(image, config)
}

// layerOf returns a layer that holds the program and nothing else.
func layerOf(name Name, program []byte) (v1.Layer, error) {
	var files bytes.Buffer
	archive := tar.NewWriter(&files)
	if err := archive.WriteHeader(&tar.Header{
		Typeflag: tar.TypeReg, Name: string(name), Mode: 0o555, Size: int64(len(program)), ModTime: made, Format: tar.FormatUSTAR,
	}); err != nil {
		return nil, err
	}
	if _, err := archive.Write(program); err != nil {
		return nil, err
	}
	if err := archive.Close(); err != nil {
		return nil, err
	}
	return tarball.LayerFromOpener(
		func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(files.Bytes())), nil },
		tarball.WithMediaType(types.OCILayer), tarball.WithCompressionLevel(gzip.BestCompression), tarball.WithCompressedCaching,
	)
}

// Index returns one image of several architectures.
func Index(images ...v1.Image) (v1.ImageIndex, error) {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, image := range images {
		config, err := image.ConfigFile()
		if err != nil {
			return nil, fmt.Errorf("make index: %w", err)
		}
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add: image, Descriptor: v1.Descriptor{Platform: config.Platform()},
		})
	}
	return index, nil
}
