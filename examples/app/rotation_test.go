package main

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/xsignin/xsignin/xtest"
)

// load is a set of signed-in clients that request their timeline without a pause.
type load struct {
	answers atomic.Int64
	stop    chan struct{}
	done    sync.WaitGroup
}

// loadOf starts the browsers. A status other than 200 fails the test.
func loadOf(browsers []*browser) *load {
	l := &load{stop: make(chan struct{})}
	for _, b := range browsers {
		l.done.Go(func() {
			for {
				select {
				case <-l.stop:
					return
				default:
				}
				r, err := http.NewRequest(http.MethodGet, b.base+"/timeline", nil)
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("Accept", "application/json")
				resp, err := (&http.Client{Jar: b.client.Jar, CheckRedirect: func(*http.Request, []*http.Request) error {
					return http.ErrUseLastResponse
				}}).Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusOK {
					b.Errorf("status %d, %v: %s", resp.StatusCode, err, body)
					return
				}
				l.answers.Add(1)
			}
		})
	}
	return l
}

// Three replicas get new keys one after the other while users send requests.
func TestKeysAreRotatedUnderLoad(t *testing.T) {
	eachShared(t, func(t *testing.T, at string) {
		front := newBalancer(t)
		x, env := outsideX(t, front.URL)
		x.SetRateLimit("GET /2/users/:id/timelines/reverse_chronological", 1<<30)
		env = append(env, at)
		dir := t.TempDir()
		old, young := replicaKey("o"), replicaKey("y")
		var apps []*instance
		for i := range replicas {
			apps = append(apps, launch(t, dir, append(env, "SECRETS="+old)...))
			front.put(i, apps[i].at)
		}
		var people []*browser
		for i := range 5 {
			id := strconv.Itoa(100 + i)
			x.AddUser(xtest.User{ID: id, Username: "person" + id})
			b := newBrowser(t, front.URL)
			// Tokens of OAuth 1.0a are never refreshed, and so never written again.
			b.signInAs(x.X, []string{"/auth/login", "/auth/login/x-oauth1"}[i%2], id)
			people = append(people, b)
		}
		me := people[len(people)-1]
		people = people[:len(people)-1]
		given := func() int {
			return x.Count(http.MethodPost, "/2/oauth2/token") + x.Count(http.MethodPost, "/oauth/access_token")
		}
		signIns := given()
		l := loadOf(people)

		for _, step := range []struct{ name, keys string }{
			{"the new key is added at the end", old + " " + young},
			{"it comes to the front", young + " " + old},
			{"the old one is dropped", young},
		} {
			if step.keys == young {
				reencrypted(t, append(env, "SECRETS="+young+" "+old), "Sealed again with the newest secret: 10. Already sealed with it: 0. ")
				reencrypted(t, append(env, "SECRETS="+young), "Sealed again with the newest secret: 0. Already sealed with it: 10. ")
			}
			before := l.answers.Load()
			for i := range apps {
				terminate(t, apps[i].cmd)
				me.get("/timeline").want(http.StatusOK)
				apps[i] = launch(t, dir, append(env, "SECRETS="+step.keys)...)
				front.put(i, apps[i].at)
				for range replicas {
					me.get("/timeline").want(http.StatusOK)
				}
			}
			if n := l.answers.Load() - before; n == 0 {
				t.Errorf("%s: nobody else asked meanwhile", step.name)
			}
		}
		close(l.stop)
		l.done.Wait()
		for _, b := range append(people, me) {
			b.get("/tokens").want(http.StatusOK, "ready")
			b.get("/timeline").want(http.StatusOK, "Timeline")
		}
		if n := given(); n != signIns {
			t.Errorf("X gave out %d more tokens", n-signIns)
		}
		// A user who signs in now has a token that is sealed with the new key only.
		newBrowser(t, front.URL).signIn("OAuth 2.0")
	})
}

// reencrypted runs the application's reencrypt and checks its output.
func reencrypted(t *testing.T, env []string, says string) {
	t.Helper()
	i := begin(t, t.TempDir(), append(env, asProcess+"=reencrypt")...)
	if !i.out.Scan() || !strings.HasPrefix(i.out.Text(), says) {
		t.Errorf("%q", i.out.Text())
	}
	if log := i.ends(0); log != "" {
		t.Error(log)
	}
}

// signInAs signs a user of x in without clicks.
func (b *browser) signInAs(x *xtest.X, login, id string) {
	b.Helper()
	resp, err := x.SignIn(b.client, b.base+login+"?return_to=/me", id)
	if err != nil {
		b.Fatal(err)
	}
	_ = resp.Body.Close()
	b.get("/me").want(http.StatusOK, "@person"+id)
}
