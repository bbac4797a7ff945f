package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/xsignin/xsignin/client/xapi"
)

// maxBody bounds what is read for a request, and maxAnswer what X answers.
const (
	maxBody   = 8 << 20
	maxAnswer = 4 << 20
)

// custom sends any request. The kit's client puts credentials on it only where it goes to
// X's API, and refuses it otherwise.
func custom(ctx context.Context, c *call) (result, error) {
	method, address := strings.ToUpper(c.args[0]), c.args[1]
	if !slices.Contains([]string{http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete}, method) {
		return result{}, usagef("custom: the METHOD is GET, POST, PUT, PATCH or DELETE, and not %q", c.args[0])
	}
	switch {
	case strings.HasPrefix(address, "/"):
		address = c.cfg.apiURL + address
	case !strings.HasPrefix(address, "https://") && !strings.HasPrefix(address, "http://"):
		return result{}, usagef("custom: the PATH begins with a slash, such as /2/users/me")
	}
	var body []byte
	if len(c.args) == 3 {
		s, err := c.readArg(ctx, c.args[2], maxBody)
		if err != nil {
			return result{}, err
		}
		if body = []byte(s); !json.Valid(body) {
			return result{}, usagef("custom: what is to be sent is no JSON")
		}
	}
	a, err := c.account(ctx)
	if err != nil {
		return result{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, writeTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return result{}, usagef("custom: the PATH cannot be read: %v", err)
	}
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.clients.Client(a.key()).Do(r)
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

// answered shows X's own words, whatever they are.
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
