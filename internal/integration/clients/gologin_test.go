package clients

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/dghubble/gologin/v2"
	"github.com/dghubble/gologin/v2/twitter"
	"github.com/dghubble/oauth1"
	endpoints "github.com/dghubble/oauth1/twitter"

	"github.com/xsignin/xsignin/xtest"
)

// TestGologin: gologin's own handlers for X sign the access_token request without the secret of
// the request token, and X takes that. They call X by the default transport, so this test must
// not run beside others.
func TestGologin(t *testing.T) {
	x := startX(t)
	network := http.DefaultTransport
	http.DefaultTransport = x.Transport()
	t.Cleanup(func() { http.DefaultTransport = network })
	cfg := &oauth1.Config{
		ConsumerKey: xtest.DefaultConsumerKey, ConsumerSecret: xtest.DefaultConsumerSecret, CallbackURL: callback,
		Endpoint: endpoints.AuthenticateEndpoint,
	}
	begin := httptest.NewRecorder()
	twitter.LoginHandler(cfg, nil).ServeHTTP(begin, httptest.NewRequest(http.MethodGet, "/login", nil))
	back, err := x.Approve(begin.Header().Get("Location"), xtest.SecondUserID)
	if err != nil {
		t.Fatal(err)
	}
	success := func(w http.ResponseWriter, r *http.Request) {
		user, err := twitter.UserFromContext(r.Context())
		if err != nil {
			t.Error(err)
			return
		}
		_, _ = fmt.Fprint(w, user.IDStr, " ", user.ScreenName)
	}
	failure := func(_ http.ResponseWriter, r *http.Request) { t.Error(gologin.ErrorFromContext(r.Context())) }
	end := httptest.NewRecorder()
	twitter.CallbackHandler(cfg, http.HandlerFunc(success), http.HandlerFunc(failure)).
		ServeHTTP(end, httptest.NewRequest(http.MethodGet, back, nil))
	if got, _ := io.ReadAll(end.Body); string(got) != xtest.SecondUserID+" "+xtest.SecondUserName {
		t.Errorf("signed in as %q", got)
	}
}
