//go:build e2e

package e2e

import (
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	. "github.com/onsi/ginkgo/v2"
	. "github.com/onsi/gomega"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

var (
	kubeconfigFlag = flag.String("kubeconfig", "", "test on this cluster (default: on a lab that the suite brings up)")
	labFlag        = flag.String("lab", "../bin/lab", "the lab's program")
	agentFlag      = flag.String("agent", "../bin/podknock-agent", "the agent's program, for hosts outside the cluster")
	imageFlag      = flag.String("image", "podknock.dev/agent:dev", "the agent's image")
	archiveFlag    = flag.String("archive", "../dist/podknock-agent-amd64.tar", "the archive of the agent's image that the lab loads")
)

// suiteLab is the lab that most specs share.
var suiteLab = "e2e"

func init() {
	flag.StringVar(&suiteLab, "lab-name", suiteLab, "name of the lab that the suite brings up")
}

// The cluster under test.
var (
	kubeconfig string
	restConfig *rest.Config
	clientset  kubernetes.Interface
)

func TestEndToEnd(t *testing.T) {
	RegisterFailHandler(Fail)
	SetDefaultEventuallyTimeout(30 * time.Second)
	SetDefaultEventuallyPollingInterval(200 * time.Millisecond)
	suite, reporter := GinkgoConfiguration()
	if *kubeconfigFlag != "" {
		suite.LabelFilter = joinFilters(suite.LabelFilter, "!lab")
	}
	RunSpecs(t, "podknock", suite, reporter)
}

func joinFilters(a, b string) string {
	if a == "" {
		return b
	}
	return "(" + a + ") && (" + b + ")"
}

var _ = BeforeSuite(func(ctx SpecContext) {
	kubeconfig = *kubeconfigFlag
	if kubeconfig == "" {
		lab(ctx, suiteLab, "up")
		DeferCleanup(func(ctx SpecContext) { lab(ctx, suiteLab, "down") }, NodeTimeout(time.Minute))
		lab(ctx, suiteLab, "load", abs(*archiveFlag))
		kubeconfig = filepath.Join("/run/podknock", suiteLab, "kubeconfig")
	}
	var err error
	restConfig, err = clientcmd.BuildConfigFromFlags("", kubeconfig)
	Expect(err).NotTo(HaveOccurred())
	restConfig.QPS, restConfig.Burst, restConfig.WarningHandler = 50, 100, rest.NoWarnings{}
	clientset, err = kubernetes.NewForConfig(restConfig)
	Expect(err).NotTo(HaveOccurred())
}, NodeTimeout(3*time.Minute))

// abs makes a path of a flag usable from any folder.
func abs(path string) string {
	full, err := filepath.Abs(path)
	Expect(err).NotTo(HaveOccurred())
	_, err = os.Stat(full)
	Expect(err).NotTo(HaveOccurred(), "build it first: make tests-build")
	return full
}
