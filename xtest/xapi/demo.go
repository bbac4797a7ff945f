package xapi

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"image"
	"image/color"
	"image/png"
	"time"

	"github.com/xsignin/xsignin/xtest"
)

//go:embed demo.json
var demoFile []byte

type demoContent struct {
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

func readDemo() demoContent {
	var d demoContent
	if err := json.Unmarshal(demoFile, &d); err != nil {
		panic("xapi: demo.json: " + err.Error())
	}
	return d
}

// DemoUsers are accounts for a demonstration, for [xtest.Config].Users. The ids of the first two are those of a zero
// Config.
func DemoUsers() []xtest.User { return readDemo().Users }

// AddDemo gives the accounts of [DemoUsers] posts, pictures, a poll and followers. Accounts that do not exist are left
// out.
func (a *API) AddDemo() {
	now, d := a.x.Now(), readDemo()
	a.mu.Lock()
	defer a.mu.Unlock()
	for from, all := range d.Follows {
		for _, to := range all {
			if a.user(from) != nil && a.user(to) != nil {
				a.follow(from, to)
			}
		}
	}
	for _, s := range d.Posts {
		if a.user(s.By) == nil {
			continue
		}
		p := &post{Post: Post{AuthorID: s.By, Text: s.Text, CreatedAt: now.Add(-time.Duration(s.Hours) * time.Hour)}}
		if s.Poll != nil {
			const week = 7 * 24 * time.Hour
			p.poll = &poll{id: a.x.NewID(), options: s.Poll, minutes: int(week / time.Minute), ends: p.CreatedAt.Add(week)}
			p.PollOptions = s.Poll
		}
		if len(s.Picture) == 3 {
			m := a.demoPicture(s.By, p.CreatedAt, color.RGBA{s.Picture[0], s.Picture[1], s.Picture[2], 255})
			p.media, p.MediaKeys = []*media{m}, []string{m.key}
		}
		a.addPost(p)
	}
}

// demoPicture draws a landscape of hills below a sky.
func (a *API) demoPicture(owner string, at time.Time, sky color.RGBA) *media {
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
	m := &media{
		id: a.x.NewID(), owner: owner, category: "tweet_image", mime: "image/png", data: b.Bytes(),
		image: imageInfo{"image/png", width, height}, created: at, finalized: at, posted: true,
		metadata: map[string]any{"alt_text": map[string]any{"text": "Hills below a wide sky"}},
	}
	m.key = m.kind().prefix + m.id
	a.media[m.id] = m
	return m
}

func tint(c uint8, shade int) uint8 { return uint8(min(255, int(c)*shade/170)) }
