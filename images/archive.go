package images

import (
	"archive/tar"
	"fmt"
	"io"
	"io/fs"
	"os"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
)

// The annotations that name an image in an archive: that of the OCI image layout, and the one that containerd reads.
const (
	refNameAnnotation   = "org.opencontainers.image.ref.name"
	imageNameAnnotation = "io.containerd.image.name"
)

// Save writes an image or an index as an OCI archive, a tar of the OCI image layout. Who loads it gets an image of that
// name, such as podknock.dev/agent:dev.
func Save(w io.Writer, name string, image mutate.Appendable) error {
	if err := save(w, name, image); err != nil {
		return fmt.Errorf("save image %q: %w", name, err)
	}
	return nil
}

func save(w io.Writer, name string, image mutate.Appendable) error {
	dir, err := os.MkdirTemp("", "podknock-image-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	descriptor := v1.Descriptor{Annotations: map[string]string{refNameAnnotation: name, imageNameAnnotation: name}}
	if single, ok := image.(v1.Image); ok {
		config, err := single.ConfigFile()
		if err != nil {
			return err
		}
		descriptor.Platform = config.Platform()
	}
	if _, err := layout.Write(dir, mutate.AppendManifests(empty.Index, mutate.IndexAddendum{Add: image, Descriptor: descriptor})); err != nil {
		return err
	}
	return writeTar(w, os.DirFS(dir))
}

// writeTar writes all files in the order of their names, without anything that the machine added.
func writeTar(w io.Writer, files fs.FS) error {
	archive := tar.NewWriter(w)
	err := fs.WalkDir(files, ".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == "." {
			return err
		}
		if entry.IsDir() {
			return archive.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: path + "/", Mode: 0o755, ModTime: made, Format: tar.FormatUSTAR})
		}
		content, err := fs.ReadFile(files, path)
		if err != nil {
			return err
		}
		if err := archive.WriteHeader(&tar.Header{
			Typeflag: tar.TypeReg, Name: path, Mode: 0o644, Size: int64(len(content)), ModTime: made, Format: tar.FormatUSTAR,
		}); err != nil {
			return err
		}
		_, err = archive.Write(content)
		return err
	})
	if err != nil {
		return err
	}
	return archive.Close()
}
