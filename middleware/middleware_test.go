package middleware_test

import (
	"strings"
	"testing"

	"github.com/xsignin/xsignin/middleware"
)

func TestNewTellsEveryFault(t *testing.T) {
	_, err := middleware.New(middleware.Config{LoginPath: "login"})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{"Config.Sessions", "Config.Clients", "Config.LoginPath"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
}
