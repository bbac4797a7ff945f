package main

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/xsignin/xsignin/event"
)

// metrics counts the kit's events. No label contains a user, because the number of users is
// unlimited.
type metrics struct {
	registry  *prometheus.Registry
	begun     *prometheus.CounterVec
	signIns   *prometheus.CounterVec
	durations *prometheus.HistogramVec
	refreshes *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		begun: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xsignin_sign_ins_begun_total", Help: "Redirects of browsers to X.",
		}, []string{"provider"}),
		signIns: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xsignin_sign_ins_total", Help: "Finished sign-ins, by cause of failure; the cause of a success is empty.",
		}, []string{"provider", "cause"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "xsignin_callback_duration_seconds", Help: "Duration of callbacks, including their calls to X.",
			Buckets: []float64{.05, .1, .25, .5, 1, 2.5, 5, 10, 25},
		}, []string{"provider"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "xsignin_refreshes_total", Help: "Refreshes of tokens, by outcome: refreshed, refresh_failed, sign_in_again.",
		}, []string{"provider", "outcome"}),
	}
	m.registry.MustRegister(m.begun, m.signIns, m.durations, m.refreshes)
	return m
}

// count is the kit's Config.OnEvent.
func (m *metrics) count(_ context.Context, e event.Event) {
	switch e.Kind {
	case event.SignInBegun:
		m.begun.WithLabelValues(e.Provider).Inc()
	case event.SignInDone, event.SignInFailed:
		m.signIns.WithLabelValues(e.Provider, e.Cause).Inc()
		m.durations.WithLabelValues(e.Provider).Observe(e.Duration.Seconds())
	case event.Refreshed, event.RefreshFailed, event.NeedsReauth:
		m.refreshes.WithLabelValues(e.Provider, string(e.Kind)).Inc()
	}
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
