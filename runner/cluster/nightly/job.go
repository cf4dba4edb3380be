package nightly

import (
	"fmt"
	"slices"
	"strings"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"
)

// arguments are those of podknock in the job.
func (o *Options) arguments() []string {
	arguments := append(slices.Clone(o.Command),
		"--image="+o.AgentImage, "--deadline="+o.Deadline.String(), "--series="+o.Name, "--records="+o.Namespace, fmt.Sprintf("--keep-records=%d", o.Keep))
	if o.Push != "" {
		arguments = append(arguments, "--push="+o.Push)
	}
	if !o.Dynamic {
		arguments = append(arguments, "--reserve="+strings.Join(o.reserve(), ","))
	}
	return arguments
}

// cronJob is the job. A run that is still going on is waited for; one that is late by less than an hour is made up for.
func cronJob(options Options) *batchv1.CronJob {
	object := &batchv1.CronJob{
		TypeMeta: kind("batch/v1", "CronJob"), ObjectMeta: meta(options.Namespace, options.Name),
		Spec: batchv1.CronJobSpec{
			Schedule:                   options.Schedule,
			ConcurrencyPolicy:          batchv1.ForbidConcurrent,
			StartingDeadlineSeconds:    ptr.To[int64](3600),
			SuccessfulJobsHistoryLimit: ptr.To[int32](3),
			FailedJobsHistoryLimit:     ptr.To[int32](3),
			JobTemplate: batchv1.JobTemplateSpec{Spec: batchv1.JobSpec{
				// A second try of the same night would hide what the first has found.
				BackoffLimit:          ptr.To[int32](0),
				ActiveDeadlineSeconds: ptr.To(int64((options.Deadline + 2*cleanUpMargin).Seconds())),
				Template: corev1.PodTemplateSpec{
					ObjectMeta: metav1.ObjectMeta{Labels: options.podLabels()},
					Spec:       podSpec(options),
				},
			}},
		},
	}
	return object
}

func podSpec(options Options) corev1.PodSpec {
	spec := corev1.PodSpec{
		ServiceAccountName: options.Name,
		RestartPolicy:      corev1.RestartPolicyNever,
		// SIGTERM makes the run end and clean up; that takes this long at most.
		TerminationGracePeriodSeconds: ptr.To(int64(cleanUpMargin.Seconds())),
		SecurityContext: &corev1.PodSecurityContext{
			RunAsNonRoot: ptr.To(true), SeccompProfile: &corev1.SeccompProfile{Type: corev1.SeccompProfileTypeRuntimeDefault},
		},
		Containers: []corev1.Container{{
			Name: "podknock", Image: options.Image, Args: options.arguments(),
			Resources: corev1.ResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("100m"), corev1.ResourceMemory: resource.MustParse("128Mi")},
				Limits:   corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("512Mi")},
			},
			SecurityContext: &corev1.SecurityContext{
				AllowPrivilegeEscalation: ptr.To(false), ReadOnlyRootFilesystem: ptr.To(true),
				Capabilities: &corev1.Capabilities{Drop: []corev1.Capability{"ALL"}},
			},
		}},
	}
	if options.Scenarios != "" {
		spec.Volumes = []corev1.Volume{{Name: "scenarios", VolumeSource: corev1.VolumeSource{
			ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: options.Scenarios}},
		}}}
		spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "scenarios", MountPath: ScenariosPath, ReadOnly: true}}
	}
	return spec
}
