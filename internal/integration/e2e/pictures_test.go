package e2e

import (
	"bytes"
	"image"
	"image/color"
	"image/draw"
	"image/png"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// TestPictures takes the pictures of README.md: the front page of examples/app beside the
// timeline of a signed-in user, light and dark. With XSIGNIN_PICTURES=1 it writes docs/images.
func TestPictures(t *testing.T) {
	t.Parallel()
	p := newBrowser(t, start(t, "app"))
	const height = 560
	shot := func(dark bool, width int64, path, text string) image.Image {
		t.Helper()
		p.scheme(dark)
		p.run(emulation.SetDeviceMetricsOverride(width, height, 1, false))
		p.open(path)
		p.see(text)
		p.until(`document.getAnimations().every(a => a.playState === "finished")`, "the page does not come to rest")
		var b []byte
		p.run(chromedp.CaptureScreenshot(&b))
		picture, err := png.Decode(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		return picture
	}
	front := map[bool]image.Image{}
	for _, dark := range []bool{false, true} {
		front[dark] = shot(dark, 480, "/", "Continue with X")
	}
	p.signIn("OAuth 2.0", "Nora Lindqvist")
	for dark, name := range map[bool]string{false: "sign-in-light.png", true: "sign-in-dark.png"} {
		both := image.NewRGBA(image.Rect(0, 0, 1200, height))
		ground := color.RGBA{R: 255, G: 255, B: 255, A: 255}
		if dark {
			ground = color.RGBA{R: 13, G: 17, B: 23, A: 255} // as the pages of GitHub
		}
		draw.Draw(both, both.Bounds(), image.NewUniform(ground), image.Point{}, draw.Src)
		draw.Draw(both, image.Rect(0, 0, 480, height), front[dark], image.Point{}, draw.Src)
		draw.Draw(both, image.Rect(500, 0, 1200, height), shot(dark, 700, "/timeline", "@nora_lindqvist"), image.Point{}, draw.Src)
		var out bytes.Buffer
		if err := (&png.Encoder{CompressionLevel: png.BestCompression}).Encode(&out, fewColours(both)); err != nil {
			t.Fatal(err)
		}
		if out.Len() > 80<<10 {
			t.Errorf("%s has %d bytes, which is much for a README", name, out.Len())
		}
		if os.Getenv("XSIGNIN_PICTURES") == "" {
			continue
		}
		if err := os.WriteFile(filepath.Join("..", "..", "..", "docs", "images", name), out.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// fewColours returns m with its 256 commonest colours, which makes its file small.
func fewColours(m *image.RGBA) image.Image {
	count := map[color.RGBA]int{}
	for y := range m.Rect.Dy() {
		for x := range m.Rect.Dx() {
			count[m.RGBAAt(x, y)]++
		}
	}
	var colours []color.RGBA
	for c := range count {
		colours = append(colours, c)
	}
	slices.SortFunc(colours, func(a, b color.RGBA) int { return count[b] - count[a] })
	var palette color.Palette
	for _, c := range colours {
		if len(palette) < 256 && !slices.ContainsFunc(palette, func(other color.Color) bool { return near(c, other) }) {
			palette = append(palette, c)
		}
	}
	out := image.NewPaletted(m.Rect, palette)
	draw.Draw(out, m.Rect, m, image.Point{}, draw.Src)
	return out
}

// near reports whether no reader can tell the colours apart.
func near(a color.RGBA, b color.Color) bool {
	r, g, bl, _ := b.RGBA()
	square := func(a uint8, b uint32) int { d := int(a) - int(b>>8); return d * d }
	return square(a.R, r)+square(a.G, g)+square(a.B, bl) < 40
}
