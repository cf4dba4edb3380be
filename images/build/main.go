// Command build makes the images of podknock's programs as OCI archives, one for each architecture and one of all:
//
//	go run ./images/build -o dist
//	go run ./images/build -program podknock -architectures amd64 -o dist
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

// order says what to build.
type order struct {
	directory string
	program   images.Name
	// name is that of the image, whose tag is the release that the program tells.
	name          string
	architectures []string
}

func main() {
	var o order
	flag.StringVar(&o.directory, "o", "dist", "`directory` for the archives")
	flag.StringVar((*string)(&o.program), "program", string(images.Agent), "`program`: podknock-agent or podknock")
	flag.StringVar(&o.name, "name", "podknock.dev/agent:dev", "`name` of the image, with its tag")
	architectures := flag.String("architectures", strings.Join(images.Architectures(), ","), "`list` of architectures, separated by commas")
	flag.Parse()
	o.architectures = strings.Split(*architectures, ",")
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	err := o.build(ctx, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// build writes the archives into the directory and says what it wrote.
func (o *order) build(ctx context.Context, says io.Writer) error {
	_, release, tagged := strings.Cut(o.name[strings.LastIndexByte(o.name, '/')+1:], ":")
	if !tagged || release == "" {
		return fmt.Errorf("build images: name %q has no tag: write it like podknock.dev/agent:dev", o.name)
	}
	if o.program != images.Agent && o.program != images.Runner {
		return fmt.Errorf("build images: program %q: write %s or %s", o.program, images.Agent, images.Runner)
	}
	if err := os.MkdirAll(o.directory, 0o755); err != nil {
		return fmt.Errorf("build images: %w", err)
	}
	var all []v1.Image
	for _, architecture := range o.architectures {
		program, err := images.Compile(ctx, "", o.program, architecture, release)
		if err != nil {
			return err
		}
		image, err := images.Image(o.program, program, architecture, release)
		if err != nil {
			return err
		}
		if err := write(filepath.Join(o.directory, string(o.program)+"-"+architecture+".tar"), o.name, image, says); err != nil {
			return err
		}
		all = append(all, image)
	}
	index, err := images.Index(all...)
	if err != nil {
		return err
	}
	return write(filepath.Join(o.directory, string(o.program)+".tar"), o.name, index, says)
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
