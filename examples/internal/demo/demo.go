// Package demo has accounts for the local X of the examples, with posts, pictures, a poll and
// followers.
package demo

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"time"

	"github.com/xsignin/xsignin/xtest"
	"github.com/xsignin/xsignin/xtest/xapi"
)

//go:embed demo.json
var file []byte

type content struct {
	Users []xtest.User
	Posts []struct {
		By      string
		Hours   int // before now
		Text    string
		Picture []uint8 // red, green and blue of the sky
		Poll    []string
	}
	Follows map[string][]string
}

func read() content {
	var d content
	if err := json.Unmarshal(file, &d); err != nil {
		panic("demo.json: " + err.Error())
	}
	return d
}

// Users are the accounts, for [xtest.Config].Users. The ids of the first two are those of a zero
// Config.
func Users() []xtest.User { return read().Users }

// Fill gives the accounts of x what they have posted, and their followers. Accounts that x does
// not have are left out.
func Fill(x *xtest.X, api *xapi.API) {
	d := read()
	known := func(id string) bool { return x.UserByID(id) != nil }
	for from, all := range d.Follows {
		for _, to := range all {
			if known(from) && known(to) {
				api.Follow(from, to)
			}
		}
	}
	for _, s := range d.Posts {
		if !known(s.By) {
			continue
		}
		p := xapi.Post{AuthorID: s.By, Text: s.Text, PollOptions: s.Poll}
		p.CreatedAt = x.Now().Add(-time.Duration(s.Hours) * time.Hour)
		if len(s.Picture) == 3 {
			sky := color.RGBA{s.Picture[0], s.Picture[1], s.Picture[2], 255}
			p.MediaKeys = []string{api.AddPicture(s.By, landscape(sky), "Hills below a wide sky")}
		}
		api.Add(p)
	}
}

// Mount gives x its API, and fills it.
func Mount(x *xtest.X) *xapi.API {
	api := xapi.Mount(x)
	Fill(x, api)
	return api
}

// landscape draws hills below a sky, as a PNG.
func landscape(sky color.RGBA) []byte {
	const width, height = 480, 270
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			shade := 255 - 90*y/height
			for hill := 1; hill <= 3; hill++ {
				if y > 90+45*hill+(x*hill*7/5+int(sky.R))%160*(x%97+140)/900 {
					shade = 150 - 40*hill
				}
			}
			img.SetRGBA(x, y, color.RGBA{tint(sky.R, shade), tint(sky.G, shade), tint(sky.B, shade), 255})
		}
	}
	var b bytes.Buffer
	_ = png.Encode(&b, img)
	return b.Bytes()
}

func tint(c uint8, shade int) uint8 { return uint8(min(255, int(c)*shade/170)) }
