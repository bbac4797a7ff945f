package bench

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/gorilla/sessions"
	"github.com/markbates/goth"
	"github.com/markbates/goth/gothic"
)

// gorillaRequest has the session in gorilla's cookie, which is signed, and with a second key
// also encrypted.
func gorillaRequest(tb testing.TB, name string, keys ...[]byte) rival {
	store := sessions.NewCookieStore(keys...)
	w, r := newResponse(), get(tb, "/", "")
	s, err := store.Get(r, "user")
	if err != nil {
		tb.Fatal(err)
	}
	for name, value := range userFields() {
		s.Values[name] = value
	}
	if err := s.Save(r, w); err != nil {
		tb.Fatal(err)
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
	return request(name, h, get(tb, "/", w.cookies()))
}

// gothicRequest has the user in goth's session, which is compressed into gorilla's cookie.
func gothicRequest(tb testing.TB, name string) rival {
	gothic.Store = sessions.NewCookieStore(secret('g'))
	value, err := json.Marshal(goth.User{
		Provider: "twitterv2", UserID: user.AccountID, NickName: user.Username, Name: user.Name,
		AvatarURL: user.AvatarURL,
	})
	if err != nil {
		tb.Fatal(err)
	}
	w := newResponse()
	if err := gothic.StoreInSession("user", string(value), get(tb, "/", ""), w); err != nil {
		tb.Fatal(err)
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
	return request(name, h, get(tb, "/", w.cookies()))
}
