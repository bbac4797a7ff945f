package bench

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
)

const appURL = "http://127.0.0.1:8080"

// user is the signed-in user of every benchmark.
var user = provider.User{
	Provider: "x", AccountID: "1529384756102938475", ID: "1529384756102938475",
	Username: "somebody_here", Name: "Somebody Here",
	AvatarURL:  "https://pbs.twimg.com/profile_images/1529384756102938475/a1B2c3D4_normal.jpg",
	SignedInAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
}

// secret returns a key of 32 bytes.
func secret(c byte) []byte { return bytes.Repeat([]byte{c}, 32) }

// newKit returns a kit that logs nothing. configure may be nil.
func newKit(tb testing.TB, configure func(*xsignin.Config)) *xsignin.Kit {
	tb.Helper()
	cfg := xsignin.Config{
		PublicURL: appURL, ClientID: "client", ClientSecret: "client-secret",
		Secrets: []string{string(secret('a'))}, Logger: slog.New(slog.DiscardHandler),
	}
	if configure != nil {
		configure(&cfg)
	}
	kit, err := xsignin.New(cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = kit.Close(context.Background()) })
	return kit
}

// signIn signs the user in to kit and returns a request with the session's cookie.
func signIn(tb testing.TB, kit *xsignin.Kit) *http.Request {
	tb.Helper()
	w := newResponse()
	if err := kit.Sessions().SignIn(w, get(tb, "/", ""), user); err != nil {
		tb.Fatal(err)
	}
	return get(tb, "/", w.cookies())
}

// guarded returns a handler behind RequireUser that writes the username.
func guarded(kit *xsignin.Kit) http.Handler {
	return kit.RequireUser(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, ok := xsignin.User(r.Context()); ok {
			_, _ = io.WriteString(w, user.Username)
		}
	}))
}

// kitRequest returns a rival that sends a signed-in request to a kit.
func kitRequest(tb testing.TB, name string, configure func(*xsignin.Config)) rival {
	tb.Helper()
	kit := newKit(tb, configure)
	return request(name, guarded(kit), signIn(tb, kit))
}
