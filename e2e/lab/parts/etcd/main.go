// Command etcd is etcd's own server under a main that can be built from here:
// `go install` of the module refuses because of its replace lines.
package main

import (
	"os"

	"go.etcd.io/etcd/server/v3/etcdmain"
)

func main() { etcdmain.Main(os.Args) }
