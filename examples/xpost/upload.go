package main

import (
	"context"

	"github.com/xsignin/xsignin/client/xapi"
)

// upload sends f, shows how far it is, and returns X's id. X forgets an upload that no post
// uses after a day, so an upload that is stopped needs no clearing up.
func (c *call) upload(ctx context.Context, x *api, f *mediaFile) (id string, err error) {
	b := &bar{world: c.world}
	defer b.end()
	name := brief(f.name)
	b.begin(name, f.size, true)
	processing := false
	return xapi.Upload(ctx, x.user, xapi.Media{
		Content: f, Size: f.size, Type: f.mediaType, AltText: f.alt, After: c.after,
		Progress: func(stage string, done, total int64) {
			if stage == "processing" && !processing {
				processing = true
				b.begin(name+", processed by X", total, false)
			}
			b.at(done)
		},
	})
}

// brief leaves space for the bar beside a name: a line that wraps is not drawn over.
func brief(name string) string {
	const most = 20
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
