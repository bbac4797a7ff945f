package proxies

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin/internal/testservers"
	"github.com/xsignin/xsignin/xtest"
)

// TestASlowCallbackIsSentOnce: X does not answer within nginx's timeout, which the test
// shortens. nginx must not send the callback to a second replica.
func TestASlowCallbackIsSentOnce(t *testing.T) {
	p := allProxies[0]
	edits := p.edits
	p.edits = func(dir string) []string {
		return append(edits(dir), "proxy_read_timeout 60s", "proxy_read_timeout 1s")
	}
	d := deploy(t, p, "redis://"+testservers.Redis(t))
	reached, hold := make(chan struct{}, 10), make(chan struct{})
	d.x.Fail(xtest.Fault{Path: "/2/oauth2/token", Reached: reached, Hold: hold})
	t.Cleanup(func() { close(hold) })
	b := d.browser()
	a := b.Get(b.Approve(b.Begin("/auth/login"), xtest.DefaultUserID))
	if a.StatusCode != http.StatusGatewayTimeout {
		t.Errorf("%s, %.300s", a.Status, a.Text)
	}
	if n := len(reached); n != 1 {
		t.Errorf("X was asked %d times", n)
	}
}
