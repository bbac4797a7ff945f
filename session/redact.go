package session

import (
	"fmt"
	"io"
	"log/slog"
)

// The types here hold secrets, or a store that may hold its password. Format keeps
// them out of whatever fmt prints, with every verb, and LogValue out of the log.

// format writes what v shows in a log.
func format(f fmt.State, v slog.LogValuer) { _, _ = io.WriteString(f, v.LogValue().String()) }

func described(layout string, args ...any) slog.Value {
	return slog.StringValue(fmt.Sprintf(layout, args...))
}

// Format implements [fmt.Formatter].
func (c PendingStoreConfig) Format(f fmt.State, _ rune) { format(f, c) }

// LogValue implements [slog.LogValuer].
func (c PendingStoreConfig) LogValue() slog.Value {
	return described("PendingStoreConfig(%d secrets, secure %t)", len(c.Secrets), c.Secure)
}

// Format implements [fmt.Formatter].
func (c Config) Format(f fmt.State, _ rune) { format(f, c) }

// LogValue implements [slog.LogValuer].
func (c Config) LogValue() slog.Value {
	return described("Config(store %T, lifetime %v, idle %v, cookie %q, secure %t)",
		c.Store, c.Lifetime, c.IdleTimeout, c.CookieName, c.Secure)
}

// Format implements [fmt.Formatter].
func (c FromSCSConfig) Format(f fmt.State, _ rune) { format(f, c) }

// LogValue implements [slog.LogValuer].
func (c FromSCSConfig) LogValue() slog.Value {
	return described("FromSCSConfig(%d secrets, public URL %q)", len(c.Secrets), c.PublicURL)
}

// Format implements [fmt.Formatter].
func (u *UserSessions) Format(f fmt.State, _ rune) { format(f, u) }

// LogValue implements [slog.LogValuer].
func (u *UserSessions) LogValue() slog.Value { return slog.StringValue("UserSessions") }

// Format implements [fmt.Formatter].
func (b PendingSignIn) Format(f fmt.State, _ rune) { format(f, b) }

// LogValue implements [slog.LogValuer].
func (b PendingSignIn) LogValue() slog.Value {
	return described("Begun(%v, return to %q, at %v)", b.Pending, b.ReturnTo, b.At)
}
