// Package redact prints types that hold secrets. Such a type has two methods:
//
//	func (c Config) Format(f fmt.State, _ rune) { redact.Format(f, c) }
//	func (c Config) LogValue() slog.Value       { return redact.Value("Config(client %s)", c.ClientID) }
//
// LogValue names the type and its harmless fields, for package slog. Format writes the
// same for every verb of package fmt, %#v included. Both methods have value receivers
// unless the type is used by pointer only.
//
// Package fmt calls no method for an unexported field of another struct. A type that may
// become such a field keeps its secrets behind two pointers: fmt follows at most one there.
package redact

import (
	"fmt"
	"io"
	"log/slog"
)

// Format writes v as a log shows it.
func Format(f fmt.State, v slog.LogValuer) { _, _ = io.WriteString(f, v.LogValue().String()) }

// Value returns what a log shows of a value. The arguments are those of [fmt.Sprintf].
func Value(format string, args ...any) slog.Value {
	return slog.StringValue(fmt.Sprintf(format, args...))
}
