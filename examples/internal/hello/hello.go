// Package hello is what the small examples have in common besides the way they start: their
// two pages, and the one thing that they ask X.
package hello

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/xsignin/xsignin"
	"github.com/xsignin/xsignin/examples/internal/posttext"
	"github.com/xsignin/xsignin/provider"
)

//go:embed hello.html
var text string

// View is what the pages "home" and "me" are made from.
type View struct {
	// User is who is signed in; the zero User is nobody.
	User provider.User
	// Posts are shown by "me", or that they could not be had.
	Posts   []string
	Trouble bool
}

// Initial stands where a picture would.
func (v View) Initial() string {
	for _, r := range v.User.Name + v.User.Username {
		return strings.ToUpper(string(r))
	}
	return ""
}

// Template makes the pages of the example that is called name.
func Template(name string, cfg xsignin.Config) *template.Template {
	return template.Must(template.New(name).Funcs(template.FuncMap{
		"example": func() string { return name },
		"local":   func() bool { return cfg.X.Transport != nil },
	}).Parse(text))
}

// LatestPosts asks X for a user's newest posts, by that user's client.
func LatestPosts(ctx context.Context, client *http.Client, userID string) ([]string, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://api.x.com/2/users/"+url.PathEscape(userID)+"/tweets?max_results=5", nil)
	if err != nil {
		return nil, err
	}
	resp, err := client.Do(r)
	if err != nil {
		return nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("hello: X answers %s", resp.Status)
	}
	var answer struct{ Data []struct{ Text string } }
	if err := json.NewDecoder(io.LimitReader(resp.Body, 1<<20)).Decode(&answer); err != nil {
		return nil, fmt.Errorf("hello: X's answer: %w", err)
	}
	var posts []string
	for _, p := range answer.Data {
		posts = append(posts, posttext.Unescape(p.Text))
	}
	return posts, nil
}
