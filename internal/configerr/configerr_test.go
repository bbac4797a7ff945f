package configerr_test

import (
	"errors"
	"io"
	"testing"

	"github.com/xsignin/xsignin/internal/configerr"
)

type named struct{ name string }

func (n *named) Name() string { return n.name }

func TestProviders(t *testing.T) {
	for name, good := range map[string]bool{"x": true, "x.y-1": true, "": false, ".x": false, "x:y": false, "other": false} {
		faults := configerr.For("client")
		byName := configerr.Providers(faults, []*named{{"other"}, {name}})
		if err := faults.Err(); (err == nil) != good || byName[name].Name() != name {
			t.Errorf("%q: %v, %v", name, err, byName)
		}
	}
	faults := configerr.For("client")
	byName := configerr.Providers(faults, []*named{nil})
	if err := faults.Err(); len(byName) > 0 || err == nil || err.Error() != "client: Config.Providers[0] is nil" {
		t.Errorf("a nil provider: %v, %v", err, byName)
	}
}

func TestListReportsAllErrors(t *testing.T) {
	faults := configerr.For("handlers")
	if err := faults.Err(); err != nil {
		t.Fatalf("an empty list: %v", err)
	}
	faults.Add("Config.Timeout", "must not be negative")
	faults.Add("Config.Providers[1]", "has the name %q of another provider", "x")
	faults.Join(nil)
	faults.Join(errors.Join(errors.Join(io.EOF), io.ErrUnexpectedEOF))
	err := faults.Err()
	const want = "handlers: Config.Timeout must not be negative\n" +
		`handlers: Config.Providers[1] has the name "x" of another provider` + "\nEOF\nunexpected EOF"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %v", err, want)
	}
	if n := len(configerr.Split(err)); n != 4 {
		t.Errorf("Split: %d errors", n)
	}
	var e *configerr.Error
	if !errors.As(err, &e) || e.Package != "handlers" || e.Field != "Config.Timeout" || e.Problem != "must not be negative" {
		t.Errorf("errors.As: %+v", e)
	}
}

func TestQuoted(t *testing.T) {
	for value, want := range map[string]bool{`"a"`: true, "'a'": true, "``": true, `"`: false, "": false, `"a'`: false, `a"`: false, "aba": false} {
		if configerr.Quoted(value) != want {
			t.Errorf("Quoted(%s) is %t", value, !want)
		}
	}
}
