//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/remotecommand"

	"github.com/podknock/podknock/probe"
)

// url names a target of podknock-agent knock.
func url(protocol, host string, port int) string {
	return protocol + "://" + net.JoinHostPort(host, strconv.Itoa(port))
}

// knock makes attempts from a pod and returns a result for each target. An
// exec that fails is an error, whatever was printed before.
func knock(ctx context.Context, from *corev1.Pod, args ...string) ([]probe.Result, error) {
	request := clientset.CoreV1().RESTClient().Post().Resource("pods").Namespace(from.Namespace).Name(from.Name).
		SubResource("exec").VersionedParams(&corev1.PodExecOptions{
		Container: agentContainer, Command: append([]string{"/podknock-agent", "knock", "-o", "json"}, args...), Stdout: true, Stderr: true,
	}, scheme.ParameterCodec)
	executor, err := remotecommand.NewWebSocketExecutor(restConfig, "GET", request.URL().String())
	if err != nil {
		return nil, err
	}
	var stdout, stderr bytes.Buffer
	err = executor.StreamWithContext(ctx, remotecommand.StreamOptions{Stdout: &stdout, Stderr: &stderr})
	fmt.Fprintf(GinkgoWriter, "%s knock %s\n%s%s", from.Name, strings.Join(args, " "), stdout.String(), stderr.String())
	// The exit code tells the outcome; any other failure tells that there is none.
	var exit interface{ ExitStatus() int }
	if err != nil && !asExit(err, &exit) {
		return nil, fmt.Errorf("exec in pod %q: %w: %s", from.Name, err, stderr.String())
	}
	return parseResults(stdout.Bytes())
}

func asExit(err error, exit *interface{ ExitStatus() int }) bool {
	e, ok := err.(interface{ ExitStatus() int })
	*exit = e
	return ok
}

func parseResults(lines []byte) ([]probe.Result, error) {
	var results []probe.Result
	decoder := json.NewDecoder(bytes.NewReader(lines))
	for decoder.More() {
		var r probe.Result
		if err := decoder.Decode(&r); err != nil {
			return nil, err
		}
		results = append(results, r)
	}
	return results, nil
}

// outcomes are the results by target.
func outcomes(results []probe.Result) map[string]probe.Outcome {
	byTarget := map[string]probe.Outcome{}
	for _, r := range results {
		byTarget[r.ID] = r.Outcome
	}
	return byTarget
}

// expectKnock waits until every target has the outcome from a pod. The
// arguments are targets, and flags of podknock-agent knock before them.
func expectKnock(ctx context.Context, from *corev1.Pod, want probe.Outcome, args ...string) {
	GinkgoHelper()
	Eventually(ctx, func() (map[string]probe.Outcome, error) {
		results, err := knock(ctx, from, args...)
		return outcomes(results), err
	}).Should(And(HaveLen(countTargets(args)), HaveEach(want)))
}

func countTargets(args []string) int {
	targets := map[string]bool{}
	for _, arg := range args {
		if strings.Contains(arg, "://") {
			targets[arg] = true
		}
	}
	return len(targets)
}

// knockFromWorld makes attempts from the hosts outside the lab's cluster.
func knockFromWorld(ctx context.Context, args ...string) map[string]probe.Outcome {
	GinkgoHelper()
	out, err := labCommand(ctx, suiteLab, append([]string{"exec", "world", "--", abs(*agentFlag), "knock", "-o", "json"}, args...)...).Output()
	results, parseErr := parseResults(out)
	Expect(parseErr).NotTo(HaveOccurred(), "%s: %v", out, err)
	Expect(results).NotTo(BeEmpty(), "%v", err)
	return outcomes(results)
}
