package main

import (
	"errors"
	"fmt"
	"html"
	"math"
	"os"
	"strings"
	"time"
)

// Sizes in a drawing, in pixels.
const (
	panelWidth, panelHeight = 270, 130
	marginLeft, marginTop   = 60, 34
	gapX, gapY              = 62, 40
)

// style is for light and dark pages. The lines differ in more than colour.
const style = `text{font:11px system-ui,sans-serif;fill:#333}.title{font-weight:600;font-size:12px}.end{text-anchor:end}.middle{text-anchor:middle}
.paper{fill:#fff}.grid{stroke:#ddd;fill:none}.a,.b{fill:none;stroke-width:1.5;stroke:#1d6fb8}.b{stroke:#b83a1d;stroke-dasharray:4 2}
@media(prefers-color-scheme:dark){text{fill:#ddd}.paper{fill:#161b22}.grid{stroke:#3a414b}.a{stroke:#6cb6ff}.b{stroke:#ff9f80}}`

// panel is one kind of diagram. It shows one or two values of a sample.
type panel struct {
	label string
	lines []func(sample) float64
}

func panels() []panel {
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	return []panel{
		{"requests a second", []func(sample) float64{func(s sample) float64 { return s.Rate }}},
		{"latency in ms: half below (line), 99 % below (dashes)", []func(sample) float64{
			func(s sample) float64 { return ms(s.P50) }, func(s sample) float64 { return ms(s.P99) },
		}},
		{"goroutines, all replicas", []func(sample) float64{func(s sample) float64 { return float64(s.Goroutines) }}},
		{"memory in MiB, all replicas", []func(sample) float64{func(s sample) float64 { return float64(s.RSS) / (1 << 20) }}},
	}
}

// drawResults draws a column for each result: rate, latency, goroutines and memory over time.
//
// This draws without a library. The libraries for Go write colours into the picture, draw one
// diagram at a time, or link modules that the licence test refuses.
func drawResults(file string, results []*result) error {
	if len(results) == 0 {
		return errors.New("there is nothing to draw")
	}
	rows := panels()
	width := marginLeft + len(results)*(panelWidth+gapX)
	height := marginTop + len(rows)*(panelHeight+gapY) + 20
	var b strings.Builder
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img" aria-label="%s">`, width, height,
		"Requests a second, latency, goroutines and memory over time, for each store")
	fmt.Fprintf(&b, "<style>%s</style>\n<rect class=\"paper\" width=\"100%%\" height=\"100%%\"/>\n", style)
	for i, r := range results {
		for j, p := range rows {
			x, y := marginLeft+i*(panelWidth+gapX), marginTop+j*(panelHeight+gapY)
			fmt.Fprintf(&b, `<g transform="translate(%d %d)">`, x, y)
			p.draw(&b, r)
			if j == 0 {
				fmt.Fprintf(&b, `<text class="title" y="-18">%s</text>`, html.EscapeString(r.title()))
			}
			b.WriteString("</g>\n")
		}
	}
	b.WriteString("</svg>\n")
	return os.WriteFile(file, []byte(b.String()), 0o644) //nolint:gosec // world-readable
}

// draw draws a panel at the origin.
func (p panel) draw(b *strings.Builder, r *result) {
	mostX, mostY := 1.0, 1.0
	for _, s := range r.Samples {
		mostX = max(mostX, s.At.Seconds())
		for _, of := range p.lines {
			mostY = max(mostY, of(s))
		}
	}
	stepX, stepY := step(mostX), step(mostY)
	mostY = math.Ceil(mostY/stepY) * stepY
	atX := func(v float64) float64 { return v / mostX * panelWidth }
	atY := func(v float64) float64 { return panelHeight - v/mostY*panelHeight }
	for v := 0.0; v <= mostY; v += stepY {
		fmt.Fprintf(b, `<path class="grid" d="M0 %.1fH%d"/><text class="end" x="-5" y="%.1f">%g</text>`, atY(v), panelWidth, atY(v)+4, v)
	}
	for v := 0.0; v <= mostX; v += stepX {
		fmt.Fprintf(b, `<text class="middle" x="%.1f" y="%d">%g s</text>`, atX(v), panelHeight+14, v)
	}
	fmt.Fprintf(b, `<text y="-5" x="2">%s</text>`, html.EscapeString(p.label))
	for i, of := range p.lines {
		fmt.Fprintf(b, `<polyline class="%c" points="`, 'a'+rune(i))
		for _, s := range r.Samples {
			fmt.Fprintf(b, "%.1f,%.1f ", atX(s.At.Seconds()), atY(of(s)))
		}
		b.WriteString(`"/>`)
	}
}

// step is a round distance between grid lines that gives about four lines up to most.
func step(most float64) float64 {
	unit := math.Pow(10, math.Floor(math.Log10(most/4)))
	for _, n := range []float64{1, 2, 5} {
		if most/(n*unit) <= 5 {
			return n * unit
		}
	}
	return 10 * unit
}

// title is the heading of a column.
func (r *result) title() string {
	if r.Replicas == 1 {
		return r.Store + ", one process"
	}
	return fmt.Sprintf("%s, %d replicas", r.Store, r.Replicas)
}
