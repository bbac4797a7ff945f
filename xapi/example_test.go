package xapi_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/xsignin/xsignin/xapi"
)

func ExampleDecode() {
	x := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/2/users/me" {
			_, _ = io.WriteString(w, `{"data":{"id":"2244994945","username":"XDevelopers"}}`)
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, `{"title":"Forbidden","detail":"You are not allowed to create a Tweet with duplicate content."}`)
	}))
	defer x.Close()
	// In an application it is the kit's client, and a path is enough: c.Get("/2/users/me").
	c := x.Client()

	type user struct{ Data struct{ Username string } }
	me, err := xapi.Decode[user](c.Get(x.URL + "/2/users/me"))
	fmt.Println(me.Data.Username, err)

	post := xapi.JSON(map[string]string{"text": "Hello"})
	_, err = xapi.Decode[any](c.Post(x.URL+"/2/tweets", "application/json", post))
	var refused *xapi.Error
	if errors.As(err, &refused) {
		fmt.Println(refused.Status, refused.Cause)
	}
	// Output:
	// XDevelopers <nil>
	// 403 duplicate
}
