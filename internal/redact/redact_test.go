package redact_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"

	"github.com/xsignin/xsignin/internal/redact"
)

type config struct{ ID, Secret string }

func (c config) Format(f fmt.State, _ rune) { redact.Format(f, c) }
func (c config) LogValue() slog.Value       { return redact.Value("config(id %s)", c.ID) }

func TestEveryVerbAndEveryLogShowsTheValueAlone(t *testing.T) {
	const want = "config(id 7)"
	c := config{"7", "SECRET"}
	for _, v := range []any{c, &c} {
		for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%d", "%x"} {
			if got := fmt.Sprintf(verb, v); got != want {
				t.Errorf("%s of a %T prints %s", verb, v, got)
			}
		}
		var log bytes.Buffer
		slog.New(slog.NewJSONHandler(&log, nil)).Info("m", "v", v)
		slog.New(slog.NewTextHandler(&log, nil)).Info("m", "v", v)
		if strings.Count(log.String(), want) != 2 || strings.Contains(log.String(), "SECRET") {
			t.Errorf("the log of a %T is %s", v, log.String())
		}
	}
}
