// Package images builds the container image of podknock-agent from its program, without Docker and without a base image.
//
// An image holds one file, the static program, and a configuration: a user that is not root, no shell, nothing to
// write to. The same sources and the same Go release give the same bytes: no time, no path and no user of the building
// machine gets into them.
//
// [Compile] makes the program for an architecture, [ReadProgram] takes one that is installed, [Image] makes an image of it, [Index] one image
// of several architectures, [Save] an OCI archive that containerd, podman and skopeo load, and [Push] writes it to a registry:
//
//	ctr -n k8s.io images import podknock-agent.tar
package images
