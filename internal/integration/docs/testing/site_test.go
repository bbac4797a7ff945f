package site

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/provider"
	"github.com/xsignin/xsignin/xtest"
)

// fakeX answers the requests of a handler. Its text is the body.
type fakeX string

func (x fakeX) RoundTrip(*http.Request) (*http.Response, error) {
	w := httptest.NewRecorder()
	_, err := io.WriteString(w, string(x))
	return w.Result(), err
}

func TestHandler(t *testing.T) {
	ada := provider.User{AccountID: "7", Username: "ada"}
	client := &http.Client{Transport: fakeX(`{"data":{"username":"ada"}}`)}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/me", nil)
	me(w, r.WithContext(xsignin.NewContext(r.Context(), ada, client)))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), "ada") {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
}

func TestSite(t *testing.T) {
	x := xtest.New(xtest.Config{})
	server := httptest.NewUnstartedServer(nil)
	address := "http://" + server.Listener.Addr().String()
	x.SetCallbacks(address + "/auth/callback")
	handler, err := New(xsignin.Config{
		PublicURL:    address,
		ClientID:     xtest.DefaultClientID,
		ClientSecret: xtest.DefaultClientSecret,
		X:            xsignin.XEndpoints{Transport: x.Transport()}, // nothing reaches the network
	})
	if err != nil {
		t.Fatal(err)
	}
	server.Config.Handler = handler
	server.Start()
	defer server.Close()

	browser, err := x.SignedIn(http.DefaultClient, address+"/auth/login", xtest.DefaultUserID)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := browser.Get(address + "/me")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if body, err := io.ReadAll(resp.Body); !strings.Contains(string(body), xtest.DefaultUserName) {
		t.Errorf("%s: %s, %v", resp.Status, body, err)
	}
}
