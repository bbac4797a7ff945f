package main

import (
	"context"
	"net/http"
	"net/url"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/storage"
	"github.com/xsignin/xsignin/internal/attack"
)

// bypass sends each request unchanged to the next replica, with the headers that the proxy would
// remove.
type bypass struct {
	replicas []*replica
	turn     atomic.Uint64
}

func (b *bypass) RoundTrip(r *http.Request) (*http.Response, error) {
	to := b.replicas[b.turn.Add(1)%uint64(len(b.replicas))]
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host = to.url.Scheme, to.url.Host
	if out.Host == "" {
		out.Host = r.URL.Host
	}
	resp, err := http.DefaultTransport.RoundTrip(out)
	if err == nil {
		resp.Request = r
	}
	return resp, err
}

func TestUnderAttack(t *testing.T) {
	serve := func(t *testing.T) (*attack.Site, []*replica) {
		var all []*replica
		build := func(cfg xsignin.Config) (http.Handler, *xsignin.Kit, error) {
			at := storage.Place{Kind: storage.InSQLite, At: filepath.Join(t.TempDir(), "replicas.db"), Variable: "DATABASE_URL"}
			var err error
			if all, err = startAll(t.Context(), cfg, at); err != nil {
				return nil, nil, err
			}
			t.Cleanup(func() {
				if err := endAll(context.Background(), all); err != nil {
					t.Error(err)
				}
			})
			var urls []*url.URL
			for _, r := range all {
				urls = append(urls, r.url)
			}
			return newProxy(urls), all[0].kit, nil
		}
		return attack.Serve(t, build, attack.Site{
			Private: "/", Open: true, Replicas: replicas, Forms: []attack.Form{{Path: "/refresh", Body: "a=b"}},
		}), all
	}
	t.Run("behind the proxy", func(t *testing.T) {
		s, _ := serve(t)
		attack.Suite(t, s)
	})
	t.Run("behind a proxy that takes nothing out", func(t *testing.T) {
		s, all := serve(t)
		s.HTTP = &bypass{replicas: all}
		attack.Suite(t, s)
	})
}
