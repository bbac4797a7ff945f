package session

import (
	"fmt"
	"log/slog"

	"github.com/xsignin/xsignin/internal/redact"
)

// The types here hold secrets, or a store that may hold its password: see package redact.

// Format implements [fmt.Formatter].
func (c PendingStoreConfig) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c PendingStoreConfig) LogValue() slog.Value {
	return redact.Value("PendingStoreConfig(%d secrets, secure %t)", len(c.Secrets), c.Secure)
}

// Format implements [fmt.Formatter].
func (c Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c Config) LogValue() slog.Value {
	return redact.Value("Config(store %T, lifetime %v, idle %v, cookie %q, secure %t)",
		c.Store, c.Lifetime, c.IdleTimeout, c.CookieName, c.Secure)
}

// Format implements [fmt.Formatter].
func (c FromSCSConfig) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c FromSCSConfig) LogValue() slog.Value {
	return redact.Value("FromSCSConfig(%d secrets, public URL %q)", len(c.Secrets), c.PublicURL)
}
