package session

import "github.com/xsignin/xsignin/provider"

// UserIn is the user in a value of our codec.
func UserIn(value any) provider.User { return new(store).identityOf(value).user }

// Identity is the value under which a session with our codec keeps u.
func Identity(u provider.User) any { return identity{user: u} }
