package cluster

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	authorizationv1 "k8s.io/api/authorization/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
)

// accessReviews bounds the questions about rights that are under way.
const accessReviews = 8

// MissingRights asks for the rights of whoever may not even [Open] a cluster.
func MissingRights(ctx context.Context, config *rest.Config, options Options) ([]rbacv1.PolicyRule, error) {
	client, err := kubernetes.NewForConfig(counted(config, &atomic.Int64{}, &atomic.Int64{}))
	if err != nil {
		return nil, fmt.Errorf("connect to the cluster: %w", err)
	}
	return (&Cluster{options: options, client: client}).MissingRules(ctx)
}

// MissingRules are those of [Rules] that the caller does not have, reduced to what is missing. Each right is asked for on its own: a list of
// all rules of a user (SelfSubjectRulesReview) may be incomplete. Of a reserve, the first namespace stands for all. It fails if the cluster does
// not answer such questions.
func (c *Cluster) MissingRules(ctx context.Context) ([]rbacv1.PolicyRule, error) {
	rules := neededRules(c.options)
	missing := make([]rbacv1.PolicyRule, len(rules))
	var mu sync.Mutex
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(accessReviews)
	for i, rule := range rules {
		missing[i] = rbacv1.PolicyRule{APIGroups: rule.APIGroups, Resources: rule.Resources}
		for _, verb := range rule.Verbs {
			group.Go(func() error {
				allowed, err := c.allowed(groupCtx, rule.APIGroups[0], rule.Resources[0], verb)
				if err != nil {
					return fmt.Errorf("ask for the right to %s %s: %w", verb, rule.Resources[0], err)
				}
				if !allowed {
					mu.Lock()
					defer mu.Unlock()
					missing[i].Verbs = append(missing[i].Verbs, verb)
				}
				return nil
			})
		}
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var result []rbacv1.PolicyRule
	for _, rule := range missing {
		if len(rule.Verbs) > 0 {
			slices.Sort(rule.Verbs)
			result = append(result, rule)
		}
	}
	return result, nil
}

// neededRules are the rights that a run with these options needs.
func neededRules(options Options) []rbacv1.PolicyRule {
	if options.Tenant == "" && len(options.Reserve) > 0 {
		return ReserveRules(options)
	}
	return Rules(options)
}

// allowed asks for one right, in the tenant's namespace, the first of the reserve, or in the whole cluster.
func (c *Cluster) allowed(ctx context.Context, group, resource, verb string) (bool, error) {
	resource, subresource, _ := strings.Cut(resource, "/")
	attributes := &authorizationv1.ResourceAttributes{Group: group, Resource: resource, Subresource: subresource, Verb: verb}
	if confined := c.options.confined(); len(confined) > 0 {
		attributes.Namespace = confined[0]
		if group == "" && resource == "namespaces" {
			attributes.Name = confined[0]
		}
	}
	review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{ResourceAttributes: attributes}}
	allowed := false
	err := retry(ctx, func() error {
		answer, err := c.client.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, review, metav1.CreateOptions{})
		if err == nil {
			allowed = answer.Status.Allowed
		}
		return err
	})
	return allowed, err
}
