package fleet

import (
	"testing"

	"github.com/xsignin/xsignin/internal/testkit"
	"github.com/xsignin/xsignin/tokenstore"
)

func TestManyUsersLinkOneAccount(t *testing.T) {
	eachStore(t, func(t *testing.T, b backend) {
		testkit.LinkOneAccount(t, func() tokenstore.Store { return b.store(t) })
	})
}
