package provider

import (
	"fmt"
	"log/slog"
)

// Providers and configurations hold secrets, so they say how they print. Format has
// the first word with every verb, %#v included. The methods are the value's, and so
// the pointer's too. fmt does not ask them for an unexported field of another struct:
// a provider keeps its secrets behind two pointers, of which fmt follows one at most
// there (with a verb that it has no use for).

// String returns a description without secrets.
func (c XConfig) String() string {
	return fmt.Sprintf("XConfig(%s, client %s, secret %t, callback %s)", c.Name, c.ClientID, c.ClientSecret != "", c.CallbackURL)
}

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (c XConfig) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer].
func (c XConfig) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String returns a description without secrets.
func (c XOAuth1Config) String() string {
	return fmt.Sprintf("XOAuth1Config(%s, key %s, callback %s)", c.Name, c.ConsumerKey, c.CallbackURL)
}

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (c XOAuth1Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer].
func (c XOAuth1Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String returns a description without secrets.
func (x X) String() string {
	if x.flow == nil {
		return "X()"
	}
	return fmt.Sprintf("X(%s, OAuth 2.0, %s)", x.svc.name, x.svc.api.Host)
}

// Format implements [fmt.Formatter], so that no verb prints a secret.
func (x X) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(x.String())) }

// LogValue implements [slog.LogValuer].
func (x X) LogValue() slog.Value { return slog.StringValue(x.String()) }

// String returns a description without secrets.
func (x XOAuth1) String() string {
	if x.xoauth1App == nil {
		return "XOAuth1()"
	}
	return fmt.Sprintf("XOAuth1(%s, OAuth 1.0a, %s)", x.svc.name, x.svc.api.Host)
}

// Format implements [fmt.Formatter], so that no verb prints a secret.
func (x XOAuth1) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(x.String())) }

// LogValue implements [slog.LogValuer].
func (x XOAuth1) LogValue() slog.Value { return slog.StringValue(x.String()) }

// String returns a description without secrets.
func (c OAuth2Config) String() string {
	return fmt.Sprintf("OAuth2Config(%s, client %s, secret %t, callback %s)", c.Name, c.ClientID, c.ClientSecret != "", c.CallbackURL)
}

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (c OAuth2Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer].
func (c OAuth2Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String returns a description without secrets.
func (c OAuth1Config) String() string {
	return fmt.Sprintf("OAuth1Config(%s, key %s, callback %s)", c.Name, c.ConsumerKey, c.CallbackURL)
}

// Format implements [fmt.Formatter], so that no verb prints the secret.
func (c OAuth1Config) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(c.String())) }

// LogValue implements [slog.LogValuer].
func (c OAuth1Config) LogValue() slog.Value { return slog.StringValue(c.String()) }

// String returns a description without secrets.
func (o OAuth2) String() string {
	if o.oauth2App == nil {
		return "OAuth2()"
	}
	return fmt.Sprintf("OAuth2(%s, %s)", o.svc.name, o.svc.api.Host)
}

// Format implements [fmt.Formatter], so that no verb prints a secret.
func (o OAuth2) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(o.String())) }

// LogValue implements [slog.LogValuer].
func (o OAuth2) LogValue() slog.Value { return slog.StringValue(o.String()) }

// String returns a description without secrets.
func (o OAuth1) String() string {
	if o.oauth1App == nil {
		return "OAuth1()"
	}
	return fmt.Sprintf("OAuth1(%s, %s)", o.svc.name, o.svc.api.Host)
}

// Format implements [fmt.Formatter], so that no verb prints a secret.
func (o OAuth1) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(o.String())) }

// LogValue implements [slog.LogValuer].
func (o OAuth1) LogValue() slog.Value { return slog.StringValue(o.String()) }
