package main

import (
	"image/color"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
)

// draw draws the time of a signed-in request, on a scale of powers of ten.
func draw(path string, all []done) error {
	for _, d := range all {
		if d.name != "signed-in" {
			continue
		}
		p := plot.New()
		p.Title.Text = "Who is signed in: time of one request, sessions in memory"
		p.X.Label.Text = "microseconds, logarithmic"
		p.BackgroundColor = color.White
		var names []string
		values := make(plotter.Values, 0, len(d.measured))
		for i := len(d.measured) - 1; i >= 0; i-- {
			names = append(names, d.measured[i].name)
			values = append(values, d.measured[i].median()/1e3)
		}
		least := 0.1
		p.X.Scale, p.X.Tick.Marker, p.X.Min = plot.LogScale{}, plot.LogTicks{Prec: -1}, least
		for i, v := range values {
			bar, err := plotter.NewPolygon(plotter.XYs{
				{X: least, Y: float64(i) - .35}, {X: v, Y: float64(i) - .35}, {X: v, Y: float64(i) + .35}, {X: least, Y: float64(i) + .35},
			})
			if err != nil {
				return err
			}
			bar.Color = color.RGBA{0x9a, 0xa5, 0xb1, 0xff}
			if i >= len(values)-4 {
				bar.Color = color.RGBA{0x1d, 0x6f, 0xd1, 0xff}
			}
			bar.LineStyle.Width = 0
			label, err := plotter.NewLabels(plotter.XYLabels{
				XYs: plotter.XYs{{X: v * 1.05, Y: float64(i) - .15}}, Labels: []string{human(v * 1e3)},
			})
			if err != nil {
				return err
			}
			p.Add(bar, label)
		}
		p.NominalY(names...)
		p.X.Max = 300
		return p.Save(8*vg.Inch, 4.2*vg.Inch, path)
	}
	return nil
}
