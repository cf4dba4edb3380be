// Package series keeps a series of runs in a namespace of a cluster: a Lease so that two runs of one series never go on at once, a ConfigMap
// for the record of each run, and an Event that tells of a regression.
//
// It needs rights in that one namespace: configmaps create, delete and list; leases create, get and update; events create; and to name
// the CronJob in the Event, cronjobs get.
package series
