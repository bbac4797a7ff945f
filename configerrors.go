package xsignin

import (
	"errors"
	"strings"

	"github.com/xsignin/xsignin/internal/configerr"
)

// ownFields maps the settings of other packages to those of [Config] that set them. The
// first match counts.
var ownFields = [...]struct{ pkg, field, own string }{
	{"provider", "OAuth2Config.APIURL", "Config.X.APIURL"},
	{"provider", "OAuth2Config.AuthorizeURL", "Config.X.AuthorizeURL"},
	{"provider", "OAuth2Config.Transport", "Config.X.Transport"},
	{"provider", "OAuth2Config.", "Config."},
	{"provider", "OAuth1Config.APIURL", "Config.X.APIURL"},
	{"provider", "OAuth1Config.Transport", "Config.X.Transport"},
	{"provider", "OAuth1Config.", "Config.OAuth1."},
	{"session", "PendingStoreConfig.Secrets", "Config.Secrets"},
	{"session", "FromSCSConfig.Secrets", "Config.Secrets"},
	{"session", "Manager", "Config.Session.Manager"},
	{"session", "Config.", "Config.Session."},
	{"client", "Config.RefreshBefore", "Config.Advanced.RefreshBefore"},
	{"client", "Config.", "Config."},
	{"handlers", "Config.DefaultReturnTo", "Config.Paths.DefaultReturnTo"},
	{"handlers", "Config.Interstitial", "Config.Pages.Interstitial"},
	{"handlers", "Config.Native", "Config.Advanced.Native"},
	{"handlers", "Config.Timeout", "Config.Advanced.Timeout"},
	{"handlers", "Config.", "Config."},
}

// ownNames replaces the field names of other packages by those of [Config]. An error that
// two packages report is returned once.
func ownNames(err error) error {
	var errs []error
	seen := map[string]bool{}
	for _, e := range configerr.Split(err) {
		var fault *configerr.Error
		if errors.As(e, &fault) {
			e = inConfig(fault)
		}
		if !seen[e.Error()] {
			seen[e.Error()] = true
			errs = append(errs, e)
		}
	}
	return errors.Join(errs...)
}

// inConfig returns fault with the name of its field in [Config].
func inConfig(fault *configerr.Error) error {
	for _, f := range ownFields {
		if rest, ok := strings.CutPrefix(fault.Field, f.field); ok && fault.Package == f.pkg {
			return &configerr.Error{Package: "xsignin", Field: f.own + rest, Problem: fault.Problem}
		}
	}
	return fault
}
