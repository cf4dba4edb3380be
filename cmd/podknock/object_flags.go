package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
	"k8s.io/client-go/kubernetes"

	"github.com/podknock/podknock/runner"
	"github.com/podknock/podknock/runner/cluster"
	"github.com/podknock/podknock/scenarios/policy/inventory"
)

// objectFlags say which objects a verb looks at: those of files, or those of a live cluster.
type objectFlags struct {
	connection    *connectionFlags
	files         []string
	allNamespaces bool
	podRanges     []string
	serviceRanges []string
}

func addObjectFlags(command *cobra.Command) *objectFlags {
	flags := &objectFlags{connection: addConnectionFlags(command, "namespace to look at; with -f, that of objects that name none")}
	command.Flags().StringArrayVarP(&flags.files, "filename", "f", nil,
		"file or directory of manifests to look at instead of the cluster, - for standard input; may be repeated")
	command.Flags().BoolVarP(&flags.allNamespaces, "all-namespaces", "A", false, "look at all namespaces of the cluster")
	command.Flags().StringSliceVar(&flags.podRanges, "pod-cidr", nil, "where the addresses of pods are, if the objects do not say")
	command.Flags().StringSliceVar(&flags.serviceRanges, "service-cidr", nil, "where the addresses of Services are")
	return flags
}

// live reports whether the objects are those of a cluster.
func (f *objectFlags) live() bool { return len(f.files) == 0 }

// namespace is the one that the user looks at; empty for all.
func (f *objectFlags) namespace() (string, error) {
	switch {
	case f.allNamespaces && f.connection.tenant() != "":
		return "", errors.New("--all-namespaces and --namespace: give one of them")
	case f.allNamespaces && !f.live():
		return "", errors.New("--all-namespaces is for a live cluster: all namespaces of files are looked at anyway")
	case f.allNamespaces:
		return "", nil
	case !f.live():
		return f.connection.tenant(), nil
	}
	namespace, _, err := f.connection.ToRawKubeConfigLoader().Namespace()
	if err != nil {
		return "", fmt.Errorf("read the kubeconfig: %w", err)
	}
	return namespace, nil
}

// read collects the objects. The problems are faults of single objects in files; a file that is no YAML is an error.
func (f *objectFlags) read(ctx context.Context, input io.Reader) (*inventory.Inventory, inventory.Problems, error) {
	namespace, err := f.namespace()
	if err != nil {
		return nil, nil, err
	}
	var objects *inventory.Inventory
	var problems inventory.Problems
	if f.live() {
		objects, err = f.readCluster(ctx, namespace)
	} else {
		objects, problems, err = f.readFiles(namespace, input)
	}
	if err != nil {
		return nil, nil, err
	}
	if objects.Cluster.PodRanges, err = prefixes("--pod-cidr", f.podRanges); err != nil {
		return nil, nil, err
	}
	objects.Cluster.ServiceRanges, err = prefixes("--service-cidr", f.serviceRanges)
	return objects, problems, err
}

func prefixes(flag string, texts []string) ([]netip.Prefix, error) {
	var found []netip.Prefix
	for _, text := range texts {
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s %q: write a range such as 10.244.0.0/16", flag, text)
		}
		found = append(found, prefix)
	}
	return found, nil
}

func (f *objectFlags) readCluster(ctx context.Context, namespace string) (*inventory.Inventory, error) {
	config, err := f.connection.config()
	if err != nil {
		return nil, failure{runner.ExitInconclusive, err}
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, failure{runner.ExitInconclusive, err}
	}
	objects, err := cluster.ReadObjects(ctx, client, namespace)
	if err != nil {
		return nil, failure{runner.ExitInconclusive, fmt.Errorf("read the objects of the cluster: %w", err)}
	}
	return objects, nil
}

// readFiles reads files, the files *.yaml, *.yml and *.json of directories and all below, and standard input.
func (f *objectFlags) readFiles(namespace string, input io.Reader) (*inventory.Inventory, inventory.Problems, error) {
	reader := inventory.Reader{Namespace: namespace}
	for _, name := range f.files {
		if err := readInto(&reader, name, input); err != nil {
			return nil, nil, err
		}
	}
	objects, problems := reader.Inventory()
	var unreadable inventory.Problems
	for _, problem := range problems {
		if problem.Object == (inventory.Ref{}) {
			unreadable = append(unreadable, problem)
		}
	}
	if len(unreadable) > 0 {
		return nil, nil, unreadable
	}
	if reader.Objects() == 0 {
		return nil, nil, fmt.Errorf("read %s: no Kubernetes object is there", strings.Join(f.files, ", "))
	}
	return objects, problems, nil
}

func readInto(reader *inventory.Reader, name string, input io.Reader) error {
	if name == "-" {
		data, err := io.ReadAll(io.LimitReader(input, inventory.MaxBytes+1))
		if err != nil {
			return fmt.Errorf("read standard input: %w", err)
		}
		reader.Read(name, data)
		return nil
	}
	found := 0
	err := filepath.WalkDir(name, func(path string, entry fs.DirEntry, err error) error {
		switch ending := filepath.Ext(path); {
		case err != nil:
			return err
		case entry.IsDir():
			return nil
		case path != name && ending != ".yaml" && ending != ".yml" && ending != ".json":
			return nil
		}
		found++
		return readFile(reader, path)
	})
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	if found == 0 {
		return fmt.Errorf("read manifests of %q: no file there ends with .yaml, .yml or .json", name)
	}
	return nil
}

// readFile reads no more than the reader takes.
func readFile(reader *inventory.Reader, path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	data, err := io.ReadAll(io.LimitReader(file, inventory.MaxBytes+1))
	if err := errors.Join(err, file.Close()); err != nil {
		return err
	}
	reader.Read(path, data)
	return nil
}
