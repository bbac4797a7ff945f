package session

import (
	"fmt"
	"log/slog"
)

// What an application hands over here may hold secrets: keys, or a store with its
// password. So configurations say how they print. Format has the first word with
// every verb, %#v included.

// String returns a description without secrets.
func (c JarConfig) String() string {
	return fmt.Sprintf("JarConfig(%d secrets, secure %t)", len(c.Secrets), c.Secure)
}

// Format implements [fmt.Formatter], so that no verb prints a secret.
func (c JarConfig) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer].
func (c JarConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String returns a description without what is in the store.
func (c Config) String() string {
	return fmt.Sprintf("Config(store %T, lifetime %v, idle %v, cookie %q, secure %t)",
		c.Store, c.Lifetime, c.IdleTimeout, c.CookieName, c.Secure)
}

// Format implements [fmt.Formatter], so that no verb prints what is in the store.
func (c Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer].
func (c Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String returns a description without what is in the store.
func (c SignOutsConfig) String() string {
	return fmt.Sprintf("SignOutsConfig(store %T, lifetime %v)", c.Store, c.Lifetime)
}

// Format implements [fmt.Formatter], so that no verb prints what is in the store.
func (c SignOutsConfig) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer].
func (c SignOutsConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String returns a description without what is in the store.
func (s *SignOuts) String() string { return fmt.Sprintf("SignOuts(store %T)", s.store) }

// Format implements [fmt.Formatter], so that no verb prints what is in the store.
func (s *SignOuts) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(s.String())) }

// LogValue implements [slog.LogValuer].
func (s *SignOuts) LogValue() slog.Value { return slog.StringValue(s.String()) }

// String returns a description without the secret and the handle.
func (b Begun) String() string {
	return fmt.Sprintf("Begun(%v, return to %q, at %v)", b.Pending, b.ReturnTo, b.At)
}

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (b Begun) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(b.String())) }

// LogValue implements [slog.LogValuer]. Without it a JSON handler would show the
// secret, which a pending sign-in encodes.
func (b Begun) LogValue() slog.Value { return slog.StringValue(b.String()) }
