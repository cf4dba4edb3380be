// Command build makes the images of podknock-agent as OCI archives, one for each architecture and one of all:
//
//	go run ./images/build -o dist
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"

	"github.com/podknock/podknock/images"
)

func main() {
	out := flag.String("o", "dist", "`directory` for the archives")
	name := flag.String("name", "podknock.dev/agent:dev", "`name` of the image, with its tag")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := build(ctx, *out, *name, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// build writes the archives into the directory and says what it wrote. The tag is the release that the agent tells.
func build(ctx context.Context, directory, name string, says io.Writer) error {
	_, release, tagged := strings.Cut(name[strings.LastIndexByte(name, '/')+1:], ":")
	if !tagged || release == "" {
		return fmt.Errorf("build images: name %q has no tag: write it like podknock.dev/agent:dev", name)
	}
	if err := os.MkdirAll(directory, 0o755); err != nil {
		return fmt.Errorf("build images: %w", err)
	}
	var all []v1.Image
	for _, architecture := range images.Architectures() {
		program, err := images.Compile(ctx, "", architecture, release)
		if err != nil {
			return err
		}
		image, err := images.Image(program, architecture, release)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(directory, "podknock-agent-"+architecture+".tar"), name, image, says); err != nil {
			return err
		}
		all = append(all, image)
	}
	index, err := images.Index(all...)
	if err != nil {
		return err
	}
	return write(filepath.Join(directory, "podknock-agent.tar"), name, index, says)
}

func write(path, name string, image mutate.Appendable, says io.Writer) error {
	file, err := os.Create(path)
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	defer file.Close()
	if err := images.Save(file, name, image); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	digest, err := image.Digest()
	if err != nil {
		return fmt.Errorf("write archive: %w", err)
	}
	_, err = fmt.Fprintf(says, "%s  %d bytes  %s@%s\n", path, info.Size(), name, digest)
	return err
}
