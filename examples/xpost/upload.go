package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/michimani/gotwi/media/upload"
	uploadtypes "github.com/michimani/gotwi/media/upload/types"
	"github.com/michimani/gotwi/resources"
)

// segmentSize is how much of a file goes into one request. gotwi holds a segment in memory
// a few times over, and 512 of them are the largest video.
const segmentSize = 1 << 20

// upload sends f in segments, waits until X has processed it, and returns its id. X forgets
// an upload that no post uses after a day, so one that is stopped needs no clearing up.
func (c *call) upload(ctx context.Context, x *api, f *mediaFile) (id string, err error) {
	b := &bar{world: c.world}
	defer b.end()
	name := brief(f.name)
	b.begin(name, f.size, true)
	begun, err := within(ctx, writeTimeout, func(ctx context.Context) (*uploadtypes.InitializeOutput, error) {
		return upload.Initialize(ctx, x.write, &uploadtypes.InitializeInput{
			MediaCategory: f.kind.category, MediaType: uploadtypes.MediaType(f.mediaType), TotalBytes: int(f.size),
		})
	})
	if err != nil {
		return "", fmt.Errorf("initialize: %w", err)
	}
	if id = begun.Data.MediaID; id == "" {
		return "", errors.New("the upload got no id from X: try again")
	}
	segments := (f.size + segmentSize - 1) / segmentSize
	for i := range segments {
		b.describe(fmt.Sprintf("%s, part %d of %d", name, i+1, segments))
		from := i * segmentSize
		size := min(segmentSize, f.size-from)
		// The body is somewhat longer than the segment, by the form around it.
		ctx := withSent(ctx, func(n int64) { b.at(from + min(n, size)) })
		if _, err := within(ctx, writeTimeout, func(ctx context.Context) (*uploadtypes.AppendOutput, error) {
			return upload.Append(ctx, x.write, &uploadtypes.AppendInput{
				MediaID: id, Media: io.NewSectionReader(f, from, size), SegmentIndex: int(i),
			})
		}); err != nil {
			return "", fmt.Errorf("part %d of %d: %w", i+1, segments, err)
		}
	}
	done, err := within(ctx, writeTimeout, func(ctx context.Context) (*uploadtypes.FinalizeOutput, error) {
		return upload.Finalize(ctx, x.write, &uploadtypes.FinalizeInput{MediaID: id})
	})
	if err != nil {
		return "", fmt.Errorf("finalize: %w", err)
	}
	if err := c.processed(ctx, x, id, name, done.Data.ProcessingInfo, b); err != nil {
		return "", err
	}
	if f.alt != "" {
		if err := c.describeMedia(ctx, x, id, f.alt); err != nil {
			return "", fmt.Errorf("description: %w", err)
		}
	}
	return id, nil
}

// brief leaves room for the bar beside a name: a line that wraps is not drawn over.
func brief(name string) string {
	const most = 20
	if r := []rune(name); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return name
}

// within calls f with a deadline of its own.
func within[T any](ctx context.Context, d time.Duration, f func(context.Context) (T, error)) (T, error) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	return f(ctx)
}

const (
	statusEndpoint   = "https://api.x.com/2/media/upload"
	metadataEndpoint = "https://api.x.com/2/media/metadata"
	// processingTimeout is how long X may take for a film.
	processingTimeout = 20 * time.Minute
)

var errProcessing = errors.New("it is still being processed by X after twenty minutes: try again later")

// processed asks, as often as X says, until X has processed the upload: films and GIFs are,
// pictures are ready at once and have no state.
func (c *call) processed(ctx context.Context, x *api, id, name string, info resources.ProcessingInfo, b *bar) error {
	b.begin(name+", processed by X", 100, false)
	defer b.end()
	waited := time.Duration(0)
	for {
		b.at(int64(min(max(info.ProgressPercent, 0), 100)))
		switch info.State {
		case "", resources.ProcessingInfoStateSucceeded:
			return nil
		case resources.ProcessingInfoStateFailed:
			return errors.New("it could not be processed by X: it may be damaged, or of a format or length that X does not take")
		}
		pause := time.Duration(min(max(info.CheckAfterSecs, 1), 60)) * time.Second
		if waited += pause; waited > processingTimeout {
			return errProcessing
		}
		if err := c.wait(ctx, pause); err != nil {
			return err
		}
		status, err := within(ctx, readTimeout, func(ctx context.Context) (*uploadtypes.FinalizeOutput, error) {
			out := &uploadtypes.FinalizeOutput{}
			q := url.Values{"command": {"STATUS"}, "media_id": {id}}
			return out, x.write.CallAPI(ctx, statusEndpoint+"?"+q.Encode(), http.MethodGet, &parameters{}, out)
		})
		if err != nil {
			return fmt.Errorf("status: %w", err)
		}
		info = status.Data.ProcessingInfo
	}
}

// describeMedia says what is to be seen, for people who cannot see it.
func (c *call) describeMedia(ctx context.Context, x *api, id, text string) error {
	body, err := json.Marshal(map[string]any{"id": id, "metadata": map[string]any{"alt_text": map[string]any{"text": text}}})
	if err != nil {
		return err
	}
	_, err = within(ctx, writeTimeout, func(ctx context.Context) (*nothing, error) {
		out := &nothing{}
		return out, x.write.CallAPI(ctx, metadataEndpoint, http.MethodPost, &parameters{body: string(body)}, out)
	})
	return err
}

// parameters are the input of endpoints that gotwi has no functions for, in the form that
// its CallAPI takes.
type parameters struct{ body, token string }

// Body implements gotwi's Parameters, as do the other methods.
func (p *parameters) Body() (io.Reader, error) {
	if p.body == "" {
		return nil, nil
	}
	return strings.NewReader(p.body), nil
}

func (p *parameters) SetAccessToken(token string)        { p.token = token }
func (p *parameters) AccessToken() string                { return p.token }
func (p *parameters) ResolveEndpoint(base string) string { return base }
func (p *parameters) ParameterMap() map[string]string    { return nil }

// nothing is an answer of which nothing is needed.
type nothing struct{}

func (*nothing) HasPartialError() bool { return false }
