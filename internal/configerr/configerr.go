// Package configerr has the error type for invalid settings. Each package validates its
// Config and reports all errors at once. The root package replaces the field names by the
// names of the settings in its Config.
package configerr

import (
	"errors"
	"fmt"
	"strings"
)

// Error is one invalid setting.
type Error struct {
	// Package is the name of the package that reports the error.
	Package string
	// Field is the setting with the name of its struct, such as Config.Timeout or
	// OAuth2Config.Scopes[1].
	Field string
	// Problem is the rest of the sentence, such as "must not be negative".
	Problem string
}

// Error implements error.
func (e *Error) Error() string { return e.Package + ": " + e.Field + " " + e.Problem }

// List collects the errors of one Config.
type List struct {
	pkg  string
	errs []error
}

// For returns an empty list for the errors of the named package.
func For(pkg string) *List { return &List{pkg: pkg} }

// Add adds an error. Values among args must not be secrets.
func (l *List) Add(field, format string, args ...any) {
	l.errs = append(l.errs, &Error{Package: l.pkg, Field: field, Problem: fmt.Sprintf(format, args...)})
}

// AddIf is Add if the setting is wrong.
func (l *List) AddIf(wrong bool, field, format string, args ...any) {
	if wrong {
		l.Add(field, format, args...)
	}
}

// Quoted reports whether value is in quotation marks, as env files and shells have them.
func Quoted(value string) bool {
	return len(value) > 1 && value[0] == value[len(value)-1] && strings.ContainsAny(value[:1], "\"'`")
}

// Providers returns Config.Providers by their names. It adds an error for a provider that is nil,
// has an invalid name, or has the name of another provider.
func Providers[P interface {
	comparable
	Name() string
}](l *List, all []P) map[string]P {
	byName := make(map[string]P)
	for i, p := range all {
		field := fmt.Sprintf("Config.Providers[%d]", i)
		if p == *new(P) {
			l.Add(field, "is nil")
			continue
		}
		name := p.Name()
		_, taken := byName[name]
		l.AddIf(name == "", field, "has no name")
		l.AddIf(strings.HasPrefix(name, "."), field,
			"has the name %q: names that begin with a dot are reserved for entries that are not tokens", name)
		l.AddIf(strings.Contains(name, ":"), field,
			"has the name %q: a colon separates the name from an account's id in stores", name)
		l.AddIf(taken, field, "has the name %q of another provider: set another Name", name)
		byName[name] = p
	}
	return byName
}

// Join adds err, which another package may have reported. A nil err adds nothing.
func (l *List) Join(err error) { l.errs = append(l.errs, Split(err)...) }

// Err returns all errors, joined, or nil.
func (l *List) Err() error { return errors.Join(l.errs...) }

// Split returns the errors that were joined into err, in their order.
func Split(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error }) //nolint:errorlint // only a joined error is split
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, Split(e)...)
	}
	return all
}
