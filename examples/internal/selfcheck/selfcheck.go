// Package selfcheck runs the kit's own check at the start of an example.
package selfcheck

import (
	"context"
	"log/slog"

	"github.com/xsignin/xsignin"
)

// Start runs [xsignin.Kit.Check] in the background, unless how is "off", and logs what it
// finds. The result ends the check and waits for that.
func Start(ctx context.Context, how string, kit *xsignin.Kit, log *slog.Logger) (stop func()) {
	if how == "off" {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		found := kit.Check(ctx, nil)
		if ctx.Err() != nil {
			return // the check did not end
		}
		for _, f := range found {
			level := slog.LevelWarn
			if f.Severity == "error" {
				level = slog.LevelError
			}
			log.Log(ctx, level, "check: "+f.Problem, "code", f.Code, "provider", f.Provider, "fix", f.Fix)
		}
		log.Info("check: done", "found", len(found))
	}()
	return func() {
		cancel()
		<-done
	}
}
