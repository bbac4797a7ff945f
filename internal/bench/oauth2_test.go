package bench

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"net/http"
	"testing"

	"golang.org/x/oauth2"
)

// BenchmarkOAuth2 is a user's first sign-in by OAuth 2.0. The fake X returns another account
// for each sign-in, to every rival. A user who signs in again also has the list of the open
// sessions read and written.
func BenchmarkOAuth2(b *testing.B) {
	run(b, kitSignIn2(b, new(fakeX)), handSignIn2(b, new(fakeX)))
}

func replyOAuth2(location string) string {
	return "code=Y29kZU9mVGhlTGVuZ3RoT2ZYc093bkNvZGVzOjE3NjM2OTk&state=" + param(location, "state")
}

// handSignIn2 is what the documentation of x/oauth2 leads to: state and verifier in cookies,
// the exchange, and a request for the user. It stores nothing.
func handSignIn2(tb testing.TB, x http.RoundTripper) rival {
	app := handApp{
		config: oauth2.Config{
			ClientID: "client", ClientSecret: "client-secret", RedirectURL: appURL + "/auth/callback",
			Scopes: []string{"tweet.read", "users.read", "offline.access"},
			Endpoint: oauth2.Endpoint{
				AuthURL: "https://x.com/i/oauth2/authorize", TokenURL: "https://api.x.com/2/oauth2/token",
				AuthStyle: oauth2.AuthStyleInHeader,
			},
		},
		upstream: &http.Client{Transport: x},
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/auth/login", app.login)
	mux.HandleFunc("/auth/callback", app.callback)
	return signInRival(tb, "x-oauth2-by-hand", mux, "/auth/login", replyOAuth2)
}

type handApp struct {
	config   oauth2.Config
	upstream *http.Client
}

func setCookie(w http.ResponseWriter, name, value string, maxAge int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: maxAge, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	})
}

func (a *handApp) login(w http.ResponseWriter, r *http.Request) {
	state, verifier := rand.Text(), oauth2.GenerateVerifier()
	setCookie(w, "state", state, 600)
	setCookie(w, "verifier", verifier, 600)
	http.Redirect(w, r, a.config.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), http.StatusSeeOther)
}

func (a *handApp) callback(w http.ResponseWriter, r *http.Request) {
	state, err1 := r.Cookie("state")
	verifier, err2 := r.Cookie("verifier")
	if err1 != nil || err2 != nil || state.Value != r.FormValue("state") {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	setCookie(w, "state", "", -1)
	setCookie(w, "verifier", "", -1)
	if err := a.fetchUser(r.Context(), r.FormValue("code"), verifier.Value); err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

func (a *handApp) fetchUser(ctx context.Context, code, verifier string) error {
	ctx = context.WithValue(ctx, oauth2.HTTPClient, a.upstream)
	token, err := a.config.Exchange(ctx, code, oauth2.VerifierOption(verifier))
	if err != nil {
		return err
	}
	resp, err := a.config.Client(ctx, token).Get("https://api.x.com/2/users/me?user.fields=profile_image_url")
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	var got struct {
		Data struct {
			ID, Name, Username string
			Avatar             string `json:"profile_image_url"`
		}
	}
	if err := json.NewDecoder(resp.Body).Decode(&got); err != nil {
		return err
	}
	if len(got.Data.ID) != len(user.AccountID) {
		return errors.New("no user")
	}
	return nil
}
