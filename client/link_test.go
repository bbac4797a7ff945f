package client_test

import (
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/tokenstore"
)

func TestManyUsersLinkOneAccount(t *testing.T) {
	memory := tokenstore.NewMemory()
	for range 20 {
		testkit.LinkOneAccount(t, func() tokenstore.Store { return memory })
		if t.Failed() {
			return
		}
		memory = tokenstore.NewMemory()
	}
}
