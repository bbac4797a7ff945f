package fleet

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

// TestTheCallerOfARefreshLeaves checks that a refresh continues without the request that began
// it.
func TestTheCallerOfARefreshLeaves(t *testing.T) {
	for _, test := range []struct {
		name  string
		leave func(t *testing.T, f *fleet, user string, during func())
	}{
		{"its context is cancelled", func(t *testing.T, f *fleet, user string, during func()) {
			request := f.workers[0].start(command{Op: "do until cancelled", Users: []string{user}})
			during()
			f.workers[0].do(command{Op: "cancel"})
			f.workers[0].finish(request).Outcomes.want(t, outcomes{left: 1})
		}},
		{"the visitor closes the connection", func(t *testing.T, f *fleet, user string, during func()) {
			c, err := net.Dial("tcp", f.workers[0].do(command{Op: "serve"}).Addr)
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			if _, err := fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n", user); err != nil {
				t.Fatal(err)
			}
			during()
			c.Close()
			f.await("visitor left")
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			eachStore(t, func(t *testing.T, b backend) {
				f := newFleet(t, b, options{workers: 3})
				f.x.SetSwitches(strict)
				user := userID(0)
				old := f.signIn(user)
				f.pass(life + 10*time.Minute)
				at, release := f.hold(xtest.Fault{After: true})
				test.leave(t, f, user, at)
				if f.stored(user).RefreshToken != old.RefreshToken {
					t.Error("the refresh was over before the caller left: this tests nothing")
				}
				release()
				f.await(refreshed)
				f.wantLive(user)
				f.burst(f.workers, user, 25).want(t, outcomes{good: 75})
				f.wantRefreshes(1)
				f.wantLive(user)
			})
		})
	}
}
