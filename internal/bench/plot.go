package main

import (
	"encoding/xml"
	"fmt"
	"math"
	"os"
	"strings"
)

// The libraries for SVG that are about link FreeType, or svgo, whose licences are not among
// those that the workspace takes: CONTRIBUTING.md says which are. margaid links neither, and
// has upright bars alone, under which the names do not fit, and no style sheet, which the
// dark scheme needs. A bar is a rectangle.

const (
	plotWidth, plotLeft, plotTop  = 820, 260, 56
	plotBar, plotStep, plotBottom = 18, 26, 40
	// The scale is one of powers of ten, in nanoseconds.
	plotLeast, plotMost = 1e2, 1e6
)

func plotX(ns float64) float64 {
	share := math.Log10(min(max(ns, plotLeast), plotMost)/plotLeast) / math.Log10(plotMost/plotLeast)
	return plotLeft + share*(plotWidth-plotLeft-90)
}

// draw draws the times of a signed-in request.
func draw(path string, all []done) error {
	for _, d := range all {
		if d.name == "signed-in" {
			return os.WriteFile(path, []byte(picture(d.measured)), 0o644)
		}
	}
	return nil
}

func picture(all []measured) string {
	var b strings.Builder
	text := func(x, y float64, anchor, s string) {
		fmt.Fprintf(&b, `<text x="%.1f" y="%.1f" text-anchor="%s">`, x, y, anchor)
		_ = xml.EscapeText(&b, []byte(s))
		b.WriteString("</text>\n")
	}
	const title = "Who is signed in: the time of one request, sessions in memory"
	height := plotTop + plotStep*len(all) + plotBottom
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" role="img" aria-labelledby="t">
<title id="t">%[3]s</title>
<style>
text { font: 13px system-ui, sans-serif; fill: #1f2328 }
.back { fill: #fff } .ours { fill: #1d6fd1 } .theirs { fill: #9aa5b1 } .line { stroke: #d8dee4 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .back { fill: #0d1117 } .ours { fill: #539bf5 } .theirs { fill: #68717c } .line { stroke: #30363d }
}
</style>
<rect class="back" width="100%%" height="100%%"/>
`, plotWidth, height, title)
	text(16, 28, "start", title)
	bottom := float64(height - plotBottom)
	for ns := plotLeast; ns <= plotMost; ns *= 10 {
		x := plotX(ns)
		fmt.Fprintf(&b, "<line class=\"line\" x1=\"%.1f\" x2=\"%.1[1]f\" y1=\"%d\" y2=\"%.1f\"/>\n", x, plotTop-8, bottom)
		text(x, bottom+20, "middle", strings.NewReplacer(".00", "").Replace(human(ns)))
	}
	for i, m := range all {
		y := float64(plotTop + plotStep*i)
		class := "theirs"
		if strings.HasPrefix(m.name, "xsignin") {
			class = "ours"
		}
		text(plotLeft-10, y+plotBar-4, "end", m.name)
		fmt.Fprintf(&b, "<rect class=\"%s\" x=\"%d\" y=\"%.1f\" width=\"%.1f\" height=\"%d\"/>\n", class, plotLeft, y, max(1, plotX(m.median())-plotLeft), plotBar)
		text(plotX(m.median())+6, y+plotBar-4, "start", human(m.median()))
	}
	b.WriteString("</svg>\n")
	return b.String()
}
