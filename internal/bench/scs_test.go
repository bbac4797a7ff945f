package bench

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
)

// scsRequest is scs with its default codec, gob. Without a store it uses scs's memstore.
func scsRequest(tb testing.TB, name string, store scs.Store, idle time.Duration) rival {
	sm := scs.New()
	sm.Store = store
	if store == nil {
		sm.Store = memstore.NewWithCleanupInterval(0)
	}
	sm.IdleTimeout = idle
	sm.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, _ error) {
		w.WriteHeader(http.StatusServiceUnavailable)
	}
	w := newResponse()
	sm.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for name, value := range userFields() {
			sm.Put(r.Context(), name, value)
		}
	})).ServeHTTP(w, get(tb, "/", ""))
	h := sm.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sm.GetString(r.Context(), "id") != "" {
			_, _ = io.WriteString(w, sm.GetString(r.Context(), "username"))
		}
	}))
	return request(name, h, get(tb, "/", w.cookies()))
}

// userFields returns the user as single values. Applications without their own type store a user
// like this.
func userFields() map[string]string {
	return map[string]string{
		"id": user.AccountID, "username": user.Username, "name": user.Name, "avatar": user.AvatarURL,
	}
}
