// Package alerts holds example alerting rules on podknock's metrics, podknock.rules.yaml, and proves them with Prometheus' own rule engine on the
// series of podknock.test.yaml, which `promtool test rules` reads too. It is a module of its own, so that nobody who builds podknock builds
// Prometheus.
package alerts
