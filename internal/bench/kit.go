package main

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
)

// person is who is signed in, everywhere.
var person = provider.User{
	Provider: "x", ID: "1529384756102938475", Subject: "1529384756102938475", Username: "somebody_here", Name: "Somebody Here",
	AvatarURL:  "https://pbs.twimg.com/profile_images/1529384756102938475/a1B2c3D4_normal.jpg",
	SignedInAt: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
}

var quiet = slog.New(slog.DiscardHandler)

func secret(c byte) []byte { return bytes.Repeat([]byte{c}, 32) }

// newKit makes a kit; change may be nil.
func newKit(change func(*xsignin.Config)) (*xsignin.Kit, error) {
	cfg := xsignin.Config{
		PublicURL: "http://127.0.0.1:8080", ClientID: "client", ClientSecret: "client-secret",
		Keys: []string{key(0)}, Logger: quiet,
	}
	if change != nil {
		change(&cfg)
	}
	return xsignin.New(cfg)
}

// key is the i-th secret for Config.Keys.
func key(i int) string { return string(bytes.Repeat([]byte{byte('a' + i)}, 44)) }

// signedIn returns a request of somebody who is signed in to kit.
func signedIn(kit *xsignin.Kit) (*http.Request, error) {
	w := newAnswer()
	if err := kit.Sessions().SignIn(w, get("/", ""), person); err != nil {
		return nil, err
	}
	return get("/", w.cookies()), nil
}

// greet is the application: it says who is signed in.
func greet(w http.ResponseWriter, r *http.Request) {
	if user, ok := xsignin.User(r.Context()); ok {
		_, _ = io.WriteString(w, user.Username)
	}
}

// requireUser is the kit's contender.
func requireUser(name string, change func(*xsignin.Config)) (contender, error) {
	kit, err := newKit(change)
	if err != nil {
		return contender{}, err
	}
	r, err := signedIn(kit)
	if err != nil {
		return contender{}, err
	}
	return asking(name, kit.RequireUser(http.HandlerFunc(greet)), r), nil
}
