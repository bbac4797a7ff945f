package bench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"testing"

	"github.com/aarondl/authboss/v3"
	"github.com/gorilla/sessions"
)

// authbossRequest is authboss over gorilla's signed cookie, as in its own samples, with
// users in memory.
func authbossRequest(tb testing.TB, name string) rival {
	ab := authboss.New()
	state := bossState{sessions.NewCookieStore(secret('b'))}
	ab.Config.Storage.Server = bossUsers{}
	ab.Config.Storage.SessionState = state
	ab.Config.Core.Logger = bossLog{}
	w := newResponse()
	if err := state.WriteState(w, bossValues{r: get(tb, "/", "")}, []authboss.ClientStateEvent{
		{Kind: authboss.ClientStateEventPut, Key: authboss.SessionKey, Value: user.AccountID},
	}); err != nil {
		tb.Fatal(err)
	}
	require := authboss.Middleware2(ab, authboss.RequireNone, authboss.RespondUnauthorized)
	h := ab.LoadClientStateMiddleware(require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, err := ab.CurrentUser(r); err == nil {
			_, _ = io.WriteString(w, user.(*bossUser).username)
		}
	})))
	return request(name, h, get(tb, "/", w.cookies()))
}

type bossUser struct{ id, username string }

func (u *bossUser) GetPID() string   { return u.id }
func (u *bossUser) PutPID(id string) { u.id = id }

type bossUsers struct{}

func (bossUsers) Load(_ context.Context, id string) (authboss.User, error) {
	if id != user.AccountID {
		return nil, authboss.ErrUserNotFound
	}
	return &bossUser{user.AccountID, user.Username}, nil
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
		return errors.New("unknown state")
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
