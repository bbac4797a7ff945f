package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/xsignin/xsignin/xapi"
)

// uploaded is an upload, as -json shows it.
type uploaded struct {
	ID    string   `json:"id,omitempty"`
	File  string   `json:"file"`
	Type  string   `json:"type"`
	Error *problem `json:"error,omitempty"`
}

// uploadFiles uploads files of any kind until one fails, and prints the ids of the others.
func uploadFiles(ctx context.Context, c *call) (r result, err error) {
	files, err := c.openMedia(ctx, c.args, allKinds()...)
	defer func() { err = errors.Join(err, closeMedia(files)) }()
	if err != nil {
		return result{}, err
	}
	x, err := c.api(ctx, "media.write")
	if err != nil {
		return result{}, err
	}
	list := []uploaded{}
	for i, f := range files {
		ids, err := c.uploadAll(ctx, x, files[i:i+1])
		if err == nil {
			list = append(list, uploaded{ID: ids[0], File: f.name, Type: f.mediaType})
			continue
		}
		if i == 0 {
			return result{}, err
		}
		p := c.explain(err)
		return idsOf(append(list, uploaded{File: f.name, Type: f.mediaType, Error: &p})), err
	}
	return idsOf(list), nil
}

func idsOf(list []uploaded) result {
	return result{document: list, write: func(w io.Writer) {
		for _, u := range list {
			if u.ID != "" {
				fmt.Fprintln(w, u.ID)
			}
		}
	}}
}

func (c *call) uploadAll(ctx context.Context, x *api, files []*mediaFile) (ids []string, err error) {
	for _, f := range files {
		id, err := c.upload(ctx, x, f)
		if err != nil {
			return nil, &fileError{f.name, err}
		}
		ids = append(ids, id)
	}
	return ids, nil
}

// upload sends f, shows the progress, and returns X's id. X deletes an unused upload after a
// day, so a stopped upload needs no cleanup.
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

// brief shortens a name so that the bar fits on the line, because a wrapped line cannot be
// redrawn.
func brief(name string) string {
	const most = 20
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}
