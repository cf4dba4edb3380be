// Package machine makes machines out of Linux namespaces.
//
// A machine is one process, its init, in PID, mount, network, UTS and IPC
// namespaces of its own. Everything that runs on the machine descends from
// that init, so ending the one recorded process ends it all: the kernel kills
// what is left in a PID namespace whose init ends (pid_namespaces(7)), and the
// mounts and network interfaces that lived only in its namespaces go with it.
// Nothing is named in /run/netns, and nothing has to be unmounted.
//
// An init starts components, keeps their logs and their exit status, and
// reaps orphans. It is asked over a Unix socket, one request a connection.
package machine
