package provider

import (
	"fmt"
	"log/slog"

	"github.com/xsignin/xsignin/internal/redact"
)

// Providers, configurations and pending sign-ins hold secrets: see package redact. A
// provider keeps its secrets behind two pointers.

// Format implements [fmt.Formatter].
func (c XConfig) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c XConfig) LogValue() slog.Value {
	return oauth2Value("XConfig", c.Name, c.ClientID, c.ClientSecret, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (c OAuth2Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c OAuth2Config) LogValue() slog.Value {
	return oauth2Value("OAuth2Config", c.Name, c.ClientID, c.ClientSecret, c.CallbackURL)
}

func oauth2Value(kind, name, id, secret, callback string) slog.Value {
	return redact.Value("%s(%s, client %s, secret %t, callback %s)", kind, name, id, secret != "", callback)
}

// Format implements [fmt.Formatter].
func (c XOAuth1Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c XOAuth1Config) LogValue() slog.Value {
	return redact.Value("XOAuth1Config(%s, key %s, callback %s)", c.Name, c.ConsumerKey, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (c OAuth1Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }

// LogValue implements [slog.LogValuer].
func (c OAuth1Config) LogValue() slog.Value {
	return redact.Value("OAuth1Config(%s, key %s, callback %s)", c.Name, c.ConsumerKey, c.CallbackURL)
}

// Format implements [fmt.Formatter].
func (x X) Format(f fmt.State, _ rune) { redact.Format(f, x) }

// LogValue implements [slog.LogValuer].
func (x X) LogValue() slog.Value {
	if x.flow == nil {
		return redact.Value("X()")
	}
	return redact.Value("X(%s, OAuth 2.0, %s)", x.svc.name, x.svc.api.Host)
}

// Format implements [fmt.Formatter].
func (x XOAuth1) Format(f fmt.State, _ rune) { redact.Format(f, x) }

// LogValue implements [slog.LogValuer].
func (x XOAuth1) LogValue() slog.Value {
	if x.xoauth1App == nil {
		return redact.Value("XOAuth1()")
	}
	return redact.Value("XOAuth1(%s, OAuth 1.0a, %s)", x.svc.name, x.svc.api.Host)
}

// Format implements [fmt.Formatter].
func (o OAuth2) Format(f fmt.State, _ rune) { redact.Format(f, o) }

// LogValue implements [slog.LogValuer].
func (o OAuth2) LogValue() slog.Value {
	if o.oauth2App == nil {
		return redact.Value("OAuth2()")
	}
	return redact.Value("OAuth2(%s, %s)", o.svc.name, o.svc.api.Host)
}

// Format implements [fmt.Formatter].
func (o OAuth1) Format(f fmt.State, _ rune) { redact.Format(f, o) }

// LogValue implements [slog.LogValuer].
func (o OAuth1) LogValue() slog.Value {
	if o.oauth1App == nil {
		return redact.Value("OAuth1()")
	}
	return redact.Value("OAuth1(%s, %s)", o.svc.name, o.svc.api.Host)
}

// Format implements [fmt.Formatter].
func (p Pending) Format(f fmt.State, _ rune) { redact.Format(f, p) }

// LogValue implements [slog.LogValuer].
func (p Pending) LogValue() slog.Value { return redact.Value("pending(%s)", p.Provider) }
