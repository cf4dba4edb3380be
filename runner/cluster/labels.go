package cluster

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/podknock/podknock/runner"
)

// The labels of every object of a run, beside [runner.LabelRun].
const (
	// LabelOwner says whose run it is.
	LabelOwner = "podknock.dev/owner"
	// LabelExpires is when anybody may remove what is left, in seconds since 1970 UTC.
	LabelExpires = "podknock.dev/expires"
	// LabelKept is on objects that are meant to outlive their run until they expire.
	LabelKept = "podknock.dev/kept"
	// labelPod is on probe pods, with the scenario's name of the pod as its value, for their placement.
	labelPod = "podknock.dev/pod"
	// AnnotationProcess says which process made the run, see [ThisProcess].
	AnnotationProcess = "podknock.dev/process"
)

// labels are those of every object of the run.
func (o *Options) labels() map[string]string {
	labels := map[string]string{
		runner.LabelRun: o.Run,
		LabelOwner:      LabelValue(o.Owner),
		LabelExpires:    strconv.FormatInt(o.Expires.Unix(), 10),
	}
	if o.Kept {
		labels[LabelKept] = "true"
	}
	return labels
}

// merged are labels with those of the run on top.
func (o *Options) merged(own map[string]string) map[string]string {
	labels := o.labels()
	for key, value := range own {
		if _, ours := labels[key]; !ours {
			labels[key] = value
		}
	}
	return labels
}

// LabelValue makes a label's value of any text.
func LabelValue(text string) string {
	value := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_.", r) {
			return r
		}
		return '.'
	}, text)
	value = strings.Trim(value[:min(len(value), 63)], "-_.")
	if value == "" {
		return "unknown"
	}
	return value
}

// ThisProcess names this process, for finding out later on the same machine whether it still runs.
func ThisProcess() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}
