package main

import (
	"errors"
	"image/color"
	"os"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgsvg"
)

// line is one line of a diagram.
type line struct {
	name  string
	color color.Color
	of    func(sample) float64
}

// drawResults draws a column for each result: rate, latency, goroutines and memory over time.
func drawResults(file string, results []*result) (err error) {
	if len(results) == 0 {
		return errors.New("there is nothing to draw")
	}
	blue, red := color.RGBA{0x1d, 0x6f, 0xb8, 0xff}, color.RGBA{0xb8, 0x3a, 0x1d, 0xff}
	ms := func(d time.Duration) float64 { return float64(d) / 1e6 }
	rows := []struct {
		label string
		lines []line
	}{
		{"requests a second", []line{{"", blue, func(s sample) float64 { return s.Rate }}}},
		{"latency in ms", []line{
			{"half", blue, func(s sample) float64 { return ms(s.P50) }},
			{"99 %", red, func(s sample) float64 { return ms(s.P99) }},
		}},
		{"goroutines", []line{{"", blue, func(s sample) float64 { return float64(s.Goroutines) }}}},
		{"memory in MiB", []line{{"", blue, func(s sample) float64 { return float64(s.RSS) / (1 << 20) }}}},
	}
	var plots [][]*plot.Plot
	for i, row := range rows {
		var across []*plot.Plot
		for _, r := range results {
			p := plot.New()
			p.Y.Label.Text, p.Y.Min = row.label, 0
			p.BackgroundColor = color.White
			if i == 0 {
				p.Title.Text = r.title()
			}
			if i == len(rows)-1 {
				p.X.Label.Text = "seconds"
			}
			p.Add(plotter.NewGrid())
			for _, l := range row.lines {
				var at plotter.XYs
				for _, s := range r.Samples {
					at = append(at, plotter.XY{X: s.At.Seconds(), Y: l.of(s)})
				}
				if len(at) == 0 {
					continue
				}
				drawn, err := plotter.NewLine(at)
				if err != nil {
					return err
				}
				drawn.Color, drawn.Width = l.color, vg.Points(1.2)
				p.Add(drawn)
				if l.name != "" {
					p.Legend.Add(l.name, drawn)
				}
			}
			p.Legend.Top = true
			across = append(across, p)
		}
		plots = append(plots, across)
	}
	canvas := vgsvg.New(vg.Length(len(results))*7*vg.Centimeter, vg.Length(len(rows))*4.5*vg.Centimeter)
	tiles := draw.Tiles{Rows: len(rows), Cols: len(results), PadX: vg.Millimeter * 4, PadY: vg.Millimeter * 3, PadTop: vg.Millimeter * 2, PadRight: vg.Millimeter * 3}
	for i, across := range plot.Align(plots, tiles, draw.New(canvas)) {
		for j, c := range across {
			plots[i][j].Draw(c)
		}
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	_, err = canvas.WriteTo(f)
	return errors.Join(err, f.Close())
}

// title is what a column is called.
func (r *result) title() string {
	if r.Replicas == 1 {
		return r.Store + ", one process"
	}
	return r.Store + ", " + string(rune('0'+r.Replicas)) + " replicas"
}
