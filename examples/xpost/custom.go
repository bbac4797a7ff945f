package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/xsignin/xsignin/xapi"
)

// maxBody limits the body of a request, and maxAnswer X's response.
const (
	maxBody   = 8 << 20
	maxAnswer = 4 << 20
)

// custom sends any request, or a post made from the flags.
func custom(ctx context.Context, c *call) (result, error) {
	switch {
	case len(c.args) == 0 && c.opt.text == "" && len(c.opt.media) == 0:
		return result{}, usagef("custom takes %s, but got nothing", c.command.takes)
	case len(c.args) == 0:
		r, err := c.post(ctx, draft{c.opt.text, c.opt.media, c.opt.answers}, allKinds()...)
		if errors.Is(err, context.Canceled) && !errors.Is(err, errUnsure) {
			err = errors.Join(errNotPosted, err)
		}
		return r, err
	case len(c.args) == 1:
		return result{}, usagef("custom takes %s, but got 1 argument", c.command.takes)
	case c.opt.text != "" || c.opt.reply != "" || len(c.opt.answers) > 0:
		return result{}, usagef("custom: with a METHOD and a PATH the text, the poll and the reply are in the JSON")
	}
	return c.request(ctx)
}

// request sends the request of the arguments. The kit's client adds credentials only if the
// request goes to X's API, and otherwise refuses it.
func (c *call) request(ctx context.Context) (r result, err error) {
	method, address := strings.ToUpper(c.args[0]), c.args[1]
	switch {
	case !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method):
		return result{}, usagef("custom: the METHOD is GET, POST, PUT, PATCH or DELETE, and not %q", c.args[0])
	case strings.HasPrefix(address, "/"):
		address = c.cfg.apiURL + address
	case !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://"):
		return result{}, usagef("custom: the PATH begins with a slash, such as /2/users/me")
	}
	body, err := c.requestBody(ctx)
	if err != nil {
		return result{}, err
	}
	if len(c.opt.media) > 0 {
		if body, err = c.withMedia(ctx, method, body); err != nil {
			return result{}, err
		}
	}
	a, err := c.account(ctx)
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return result{}, usagef("custom: the PATH cannot be read: %v", err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.clients.Client(ctx, a.key()).Do(req)
	if err != nil && method != http.MethodGet {
		err = unsure(err)
	}
	if err != nil {
		return result{}, fmt.Errorf("custom: %w", err)
	}
	defer func() { _ = resp.Body.Close() }()
	b, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return result{}, fmt.Errorf("custom: X's answer broke off: %w", err)
	case len(b) > maxAnswer:
		return result{}, fmt.Errorf("custom: X's answer is longer than %d MB", maxAnswer>>20)
	}
	return answered(resp, b)
}

// requestBody is the JSON of the arguments, or nil.
func (c *call) requestBody(ctx context.Context) ([]byte, error) {
	if len(c.args) < 3 {
		return nil, nil
	}
	s, err := c.readArg(ctx, c.args[2], maxBody)
	if err == nil && !json.Valid([]byte(s)) {
		err = usagef("custom: the body is not JSON")
	}
	return []byte(s), err
}

// withMedia uploads the files of -media, and adds their ids to the JSON of a post.
func (c *call) withMedia(ctx context.Context, method string, body []byte) (_ []byte, err error) {
	post := map[string]any{}
	if body != nil {
		d := json.NewDecoder(bytes.NewReader(body))
		d.UseNumber()
		if d.Decode(&post) != nil || post == nil {
			return nil, usagef("custom: the JSON is not an object, so -media cannot be added to it")
		}
	}
	switch {
	case method != http.MethodPost:
		return nil, usagef("custom: -media goes with POST")
	case post["media"] != nil:
		return nil, usagef("custom: give media in the JSON or with -media, not both")
	case post["poll"] != nil:
		return nil, usagef("custom: X accepts files or a poll in a post, not both")
	}
	files, err := c.openMedia(ctx, c.opt.media, allKinds()...)
	defer func() { err = errors.Join(err, closeMedia(files)) }()
	if err == nil {
		err = c.checkMixture(files)
	}
	if err != nil {
		return nil, err
	}
	x, err := c.api(ctx, "media.write")
	if err != nil {
		return nil, err
	}
	ids, err := c.uploadAll(ctx, x, files)
	if err != nil {
		return nil, err
	}
	post["media"] = map[string]any{"media_ids": ids}
	return json.Marshal(post)
}

// answered shows X's own response unchanged.
func answered(resp *http.Response, b []byte) (result, error) {
	r := result{}
	if json.Valid(b) {
		r.document = json.RawMessage(b)
		r.write = func(w io.Writer) { writeJSON(w, r.document) }
	} else if len(bytes.TrimSpace(b)) == 0 {
		r.document = map[string]int{"status": resp.StatusCode}
		r.write = func(w io.Writer) { fmt.Fprintf(w, "X answers %s.\n", resp.Status) }
	}
	switch {
	case resp.StatusCode >= http.StatusMultipleChoices:
		resp.Body = io.NopCloser(bytes.NewReader(b))
		_, err := xapi.Decode[json.RawMessage](resp, nil)
		return r, err
	case r.document == nil:
		return r, fmt.Errorf("custom: X answers %s with something other than JSON", resp.Status)
	}
	return r, nil
}
