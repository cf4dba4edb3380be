package main

import (
	"context"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// reviewTimeout bounds the question who we are: a run does not depend on the answer.
const reviewTimeout = 5 * time.Second

// owner says whose run it is, for people who find its objects and for cleanup, which removes what is one's own: the user of this machine, and
// whom the cluster takes him for. Both, because many share the one user of a kubeconfig, and many machines have but one user.
func (f *connectionFlags) owner(ctx context.Context, config *rest.Config) string {
	return ownerName(localUser(), f.clusterUser(ctx, config))
}

// ownerName joins the two names, of which each may be empty.
func ownerName(local, remote string) string {
	switch {
	case local == "" && remote == "":
		return "unknown"
	case local == "" || local == remote:
		return remote
	case remote == "":
		return local
	}
	return local + "@" + remote
}

// clusterUser is whom the cluster takes us for (SelfSubjectReview, which Kubernetes allows everybody who is authenticated), or else the user
// that the kubeconfig names.
func (f *connectionFlags) clusterUser(ctx context.Context, config *rest.Config) string {
	ctx, cancel := context.WithTimeout(ctx, reviewTimeout)
	defer cancel()
	if client, err := kubernetes.NewForConfig(config); err == nil {
		review, err := client.AuthenticationV1().SelfSubjectReviews().Create(ctx, &authenticationv1.SelfSubjectReview{}, metav1.CreateOptions{})
		if err == nil && review.Status.UserInfo.Username != "" {
			return review.Status.UserInfo.Username
		}
	}
	return f.configuredUser()
}

// configuredUser is the name that the kubeconfig has for the user in use, empty if there is none.
func (f *connectionFlags) configuredUser() string {
	if *f.AuthInfoName != "" {
		return *f.AuthInfoName
	}
	raw, err := f.ToRawKubeConfigLoader().RawConfig()
	if err != nil || raw.Contexts[f.context()] == nil {
		return ""
	}
	return raw.Contexts[f.context()].AuthInfo
}

// localUser is the user of this machine, empty where there is none, as in a pod.
func localUser() string {
	for _, variable := range []string{"USER", "LOGNAME"} {
		if name := os.Getenv(variable); name != "" {
			return name
		}
	}
	return ""
}
