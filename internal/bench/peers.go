package main

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net/http"
	"time"

	"github.com/aarondl/authboss/v3"
	"github.com/alexedwards/scs/v2"
	"github.com/alexedwards/scs/v2/memstore"
	pkgz "github.com/go-pkgz/auth/v2"
	pkgzavatar "github.com/go-pkgz/auth/v2/avatar"
	pkgzprovider "github.com/go-pkgz/auth/v2/provider"
	pkgztoken "github.com/go-pkgz/auth/v2/token"
	"github.com/golang-jwt/jwt/v5"
	"github.com/gorilla/sessions"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
)

// The peers do what [middleware.RequireUser] and [xsignin.User] do: they find out by the
// request's cookie who is signed in, with name and picture, and the handler writes the
// username.

// behindSCS is scs with its default codec, gob. A store of nil is its memstore.
func behindSCS(name string, store scs.Store, idle time.Duration) (contender, error) {
	sm := scs.New()
	sm.Store = store
	if store == nil {
		sm.Store = memstore.NewWithCleanupInterval(0)
	}
	sm.IdleTimeout = idle
	sm.ErrorFunc = func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusServiceUnavailable) }
	w := newAnswer()
	sm.LoadAndSave(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for name, value := range fields() {
			sm.Put(r.Context(), name, value)
		}
	})).ServeHTTP(w, get("/", ""))
	h := sm.LoadAndSave(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if sm.GetString(r.Context(), "id") != "" {
			_, _ = io.WriteString(w, sm.GetString(r.Context(), "username"))
		}
	}))
	return asking(name, h, get("/", w.cookies())), nil
}

// fields are a user's, as people keep them who have no type of their own.
func fields() map[string]string {
	return map[string]string{"id": person.ID, "username": person.Username, "name": person.Name, "avatar": person.AvatarURL}
}

// behindGorilla is a session in gorilla's cookie, signed, and encrypted where it has a
// second key.
func behindGorilla(name string, keys ...[]byte) (contender, error) {
	store := sessions.NewCookieStore(keys...)
	w, r := newAnswer(), get("/", "")
	s, err := store.Get(r, "user")
	if err != nil {
		return contender{}, err
	}
	for name, value := range fields() {
		s.Values[name] = value
	}
	if err := s.Save(r, w); err != nil {
		return contender{}, err
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s, err := store.Get(r, "user")
		if err != nil {
			return
		}
		if id, _ := s.Values["id"].(string); id != "" {
			username, _ := s.Values["username"].(string)
			_, _ = io.WriteString(w, username)
		}
	})
	return asking(name, h, get("/", w.cookies())), nil
}

// behindGothic is the user in goth's session, which compresses it into gorilla's cookie.
func behindGothic(name string) (contender, error) {
	gothic.Store = sessions.NewCookieStore(secret('g'))
	user, err := json.Marshal(goth.User{
		Provider: "twitterv2", UserID: person.ID, NickName: person.Username, Name: person.Name, AvatarURL: person.AvatarURL,
	})
	if err != nil {
		return contender{}, err
	}
	w := newAnswer()
	if err := gothic.StoreInSession("user", string(user), get("/", ""), w); err != nil {
		return contender{}, err
	}
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		value, err := gothic.GetFromSession("user", r)
		if err != nil {
			return
		}
		var user goth.User
		if json.Unmarshal([]byte(value), &user) == nil && user.UserID != "" {
			_, _ = io.WriteString(w, user.NickName)
		}
	})
	return asking(name, h, get("/", w.cookies())), nil
}

// claims are what a JWT says of a user.
type claims struct {
	jwt.RegisteredClaims
	Username string `json:"username"`
	Name     string `json:"name"`
	Avatar   string `json:"avatar"`
}

// behindJWT is a JWT in a cookie, signed with HMAC-SHA256.
func behindJWT(name string) (contender, error) {
	key := secret('j')
	now := time.Now()
	signed, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Subject: person.ID, IssuedAt: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(time.Hour)),
		},
		Username: person.Username, Name: person.Name, Avatar: person.AvatarURL,
	}).SignedString(key)
	if err != nil {
		return contender{}, err
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{"HS256"}), jwt.WithExpirationRequired())
	h := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := r.Cookie("jwt")
		if err != nil {
			return
		}
		var who claims
		if _, err := parser.ParseWithClaims(c.Value, &who, func(*jwt.Token) (any, error) { return key, nil }); err == nil && who.Subject != "" {
			_, _ = io.WriteString(w, who.Username)
		}
	})
	return asking(name, h, get("/", "jwt="+signed)), nil
}

// behindPkgz is the middleware of go-pkgz/auth, whose session is a JWT and an XSRF header.
func behindPkgz(name string) (contender, error) {
	service := pkgz.NewService(pkgz.Opts{
		SecretReader:  pkgztoken.SecretFunc(func(string) (string, error) { return string(secret('p')), nil }),
		TokenDuration: time.Hour, CookieDuration: time.Hour, Issuer: "bench", URL: "http://127.0.0.1:8080",
		AvatarStore: pkgzavatar.NewNoOp(),
	})
	// Users of providers that it does not know are turned away.
	service.AddDirectProvider("x", pkgzprovider.CredCheckerFunc(func(string, string) (bool, error) { return false, nil }))
	w := newAnswer()
	if _, err := service.TokenService().Set(w, pkgztoken.Claims{
		User:             &pkgztoken.User{ID: "x_" + person.ID, Name: person.Username, Picture: person.AvatarURL},
		RegisteredClaims: jwt.RegisteredClaims{ID: "1", Issuer: "bench", Audience: jwt.ClaimStrings{"bench"}},
	}); err != nil {
		return contender{}, err
	}
	r := get("/", w.cookies())
	for _, c := range r.Cookies() {
		if c.Name == "XSRF-TOKEN" {
			r.Header.Set("X-XSRF-TOKEN", c.Value)
		}
	}
	middleware := service.Middleware()
	h := middleware.Auth(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, err := pkgztoken.GetUserInfo(r); err == nil && user.ID != "" {
			_, _ = io.WriteString(w, user.Name)
		}
	}))
	return asking(name, h, r), nil
}

// behindAuthboss is authboss over gorilla's signed cookie, as its own samples have it, with
// users in memory.
func behindAuthboss(name string) (contender, error) {
	ab := authboss.New()
	ab.Config.Storage.Server = bossUsers{}
	ab.Config.Storage.SessionState = bossState{sessions.NewCookieStore(secret('b'))}
	ab.Config.Core.Logger = bossLog{}
	w, r := newAnswer(), get("/", "")
	if err := ab.Config.Storage.SessionState.WriteState(w, bossValues{r: r},
		[]authboss.ClientStateEvent{{Kind: authboss.ClientStateEventPut, Key: authboss.SessionKey, Value: person.ID}}); err != nil {
		return contender{}, err
	}
	require := authboss.Middleware2(ab, authboss.RequireNone, authboss.RespondUnauthorized)
	h := ab.LoadClientStateMiddleware(require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, err := ab.CurrentUser(r); err == nil {
			_, _ = io.WriteString(w, user.(*bossUser).username)
		}
	})))
	return asking(name, h, get("/", w.cookies())), nil
}

type bossUser struct{ id, username string }

func (u *bossUser) GetPID() string   { return u.id }
func (u *bossUser) PutPID(id string) { u.id = id }

type bossUsers struct{}

func (bossUsers) Load(_ context.Context, id string) (authboss.User, error) {
	if id != person.ID {
		return nil, authboss.ErrUserNotFound
	}
	return &bossUser{person.ID, person.Username}, nil
}

func (bossUsers) Save(context.Context, authboss.User) error { return errors.ErrUnsupported }

// bossState keeps authboss's values in gorilla's cookie.
type bossState struct{ store sessions.Store }

type bossValues struct {
	r *http.Request
	s *sessions.Session
}

func (v bossValues) Get(key string) (string, bool) {
	value, ok := v.s.Values[key].(string)
	return value, ok
}

func (b bossState) ReadState(r *http.Request) (authboss.ClientState, error) {
	s, err := b.store.Get(r, "ab")
	return bossValues{r, s}, err
}

func (b bossState) WriteState(w http.ResponseWriter, state authboss.ClientState, events []authboss.ClientStateEvent) error {
	v, ok := state.(bossValues)
	if !ok {
		return errors.New("no state")
	}
	s, err := b.store.Get(v.r, "ab")
	if err != nil {
		return err
	}
	for _, e := range events {
		s.Values[e.Key] = e.Value
	}
	return s.Save(v.r, w)
}

type bossLog struct{}

func (bossLog) Info(string)  {}
func (bossLog) Error(string) {}

// silence keeps the peers' own lines out of the table.
func silence() { log.SetOutput(io.Discard) }
