package selfcheck_test

import (
	"bytes"
	"context"
	"log/slog"
	"strings"
	"testing"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/selfcheck"
	"github.com/xsignin/xsignin/xtest"
)

func TestStart(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, secret, how string
		want              []string // lines of the log begin with these
	}{
		{"a sound application", xtest.DefaultClientSecret, "", []string{"level=INFO msg=\"check: done\" found=0"}},
		{"a wrong secret", "wrong", "on", []string{"level=ERROR msg=\"check: ", "level=INFO msg=\"check: done\" found="}},
		{"off", "wrong", "off", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			x := xtest.NewServer(xtest.Config{})
			t.Cleanup(x.Close)
			kit, err := xsignin.New(xsignin.Config{
				PublicURL: "http://127.0.0.1:8080", ClientID: xtest.DefaultClientID, ClientSecret: c.secret,
				X: xsignin.XEndpoints{APIURL: x.URL, AuthorizeURL: x.URL + "/i/oauth2/authorize"},
			})
			if err != nil {
				t.Fatal(err)
			}
			log := &lines{done: make(chan struct{})}
			if c.want == nil {
				close(log.done)
			}
			stop := selfcheck.Start(context.Background(), c.how, kit, slog.New(slog.NewTextHandler(log, nil)))
			<-log.done
			stop()
			said := log.String()
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("%q is not in\n%s", want, said)
				}
			}
			if c.want == nil && said != "" {
				t.Errorf("it says\n%s", said)
			}
		})
	}
}

// TestStopEndsTheCheck while X does not answer.
func TestStopEndsTheCheck(t *testing.T) {
	t.Parallel()
	x := xtest.NewServer(xtest.Config{})
	t.Cleanup(x.Close)
	hold, reached := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(hold) })
	x.Fail(xtest.Fault{Path: "/2/oauth2/token", Times: 1, Hold: hold, Reached: reached})
	kit, err := xsignin.New(xsignin.Config{
		PublicURL: "http://127.0.0.1:8080", ClientID: xtest.DefaultClientID, ClientSecret: xtest.DefaultClientSecret,
		X: xsignin.XEndpoints{APIURL: x.URL, AuthorizeURL: x.URL + "/i/oauth2/authorize"},
	})
	if err != nil {
		t.Fatal(err)
	}
	log := &lines{done: make(chan struct{})}
	stop := selfcheck.Start(context.Background(), "", kit, slog.New(slog.NewTextHandler(log, nil)))
	<-reached
	stop()
	if log.Len() > 0 {
		t.Errorf("an interrupted check says\n%s", log.String())
	}
}

// lines are a log. done is closed when the check is done.
type lines struct {
	bytes.Buffer
	done chan struct{}
}

func (l *lines) Write(b []byte) (int, error) {
	n, err := l.Buffer.Write(b)
	if bytes.Contains(b, []byte("check: done")) {
		close(l.done)
	}
	return n, err
}
