package demo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

// Keep adds the posts in a file, if there is one, to those of [Fill]. save writes the file: the
// texts and polls that people have posted, without pictures.
func Keep(x *xtest.X, api *xapi.API, file string) (save func() error, err error) {
	var posts []xapi.Post
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &posts)
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w (remove the file to start anew)", file, err)
	}
	own := map[string]bool{} // the ids of the posts of Fill
	for _, p := range all(x, api) {
		own[p.ID] = true
	}
	for _, p := range posts {
		if x.UserByID(p.AuthorID) != nil {
			p.MediaKeys = nil
			api.Add(p)
		}
	}
	return func() error {
		b, err := json.MarshalIndent(slices.DeleteFunc(all(x, api), func(p xapi.Post) bool {
			return own[p.ID] || p.Text == ""
		}), "", "\t")
		if err != nil {
			return err
		}
		return os.WriteFile(file, b, 0o600)
	}, nil
}

// all are the posts of all accounts.
func all(x *xtest.X, api *xapi.API) (posts []xapi.Post) {
	for _, u := range x.Users() {
		posts = append(posts, api.Posts(u.ID)...)
	}
	return posts
}
