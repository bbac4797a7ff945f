package main

import (
	"net/http"
	"testing"

	"github.com/xsignin/xsignin/internal/attack"
	"github.com/xsignin/xsignin/xtest"
)

func TestUnderAttack(t *testing.T) {
	x, at := withX(t, nil)
	way := http.DefaultTransport.(*http.Transport).Clone()
	t.Cleanup(way.CloseIdleConnections)
	attack.Suite(t, &attack.Site{URL: at, HTTP: way, X: x.X, API: x.API, Private: "/timeline", Forms: []attack.Form{
		{Path: "/tokens/refresh", Body: "provider=x&account=" + xtest.DefaultUserID}, {Path: "/tokens/disconnect", Body: "provider=x&account=" + xtest.DefaultUserID},
	}})
}
