package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"time"
)

func main() {
	rounds := flag.Int("rounds", 8, "how many rounds; medians need at least 8")
	slice := flag.Duration("slice", 30*time.Millisecond, "how long each contender works in a round")
	only := flag.String("rows", "", "names of rows, with commas; none means all: "+names())
	md := flag.String("md", "", "a file to write the table to, in Markdown; between the lines of the marks where it has them")
	svg := flag.String("svg", "", "a file to draw the plot to")
	p := profiles{each: 5 * time.Second}
	flag.StringVar(&p.contender, "contender", "", "whom to profile, by the name in the table")
	flag.StringVar(&p.cpu, "cpuprofile", "", "a file to write its CPU profile to")
	flag.StringVar(&p.mem, "memprofile", "", "a file to write its allocations to, every one of them")
	flag.StringVar(&p.mutex, "mutexprofile", "", "a file to write to where it waits for locks")
	flag.StringVar(&p.block, "blockprofile", "", "a file to write to where it waits at all")
	flag.Parse()
	if err := run(os.Stdout, options{*rounds, *slice, 1_000_000, &p}, *only, *md, *svg); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func names() string {
	var all []string
	for _, r := range rows() {
		all = append(all, r.name)
	}
	return strings.Join(all, ", ")
}

// done is a row with its report.
type done struct {
	row
	report
}

func run(out io.Writer, o options, only, md, svg string) error {
	silence()
	var wanted []row
	for _, r := range rows() {
		if only == "" || strings.Contains(","+only+",", ","+r.name+",") {
			wanted = append(wanted, r)
		}
	}
	if len(wanted) == 0 {
		return fmt.Errorf("no row is called %q; there are %s", only, names())
	}
	if err := o.profiles.prepare(); err != nil {
		return err
	}
	var all []done
	for _, r := range wanted {
		began := time.Now()
		rep, err := r.run(o)
		if err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
		all = append(all, done{r, rep})
		fmt.Fprintf(os.Stderr, "%s: %v\n", r.name, time.Since(began).Round(time.Second/10))
	}
	if err := o.profiles.done(); err != nil {
		return err
	}
	var text strings.Builder
	table(&text, o, all)
	if _, err := io.WriteString(out, text.String()); err != nil {
		return err
	}
	if md != "" {
		if err := writeTable(md, text.String()); err != nil {
			return err
		}
	}
	if svg != "" {
		return draw(svg, all)
	}
	return nil
}

const beginMark, endMark = "<!-- bench -->\n", "<!-- /bench -->"

// writeTable puts the table between the marks of a file, or makes the file of it.
func writeTable(path, text string) error {
	if old, err := os.ReadFile(path); err == nil {
		head, rest, ok1 := strings.Cut(string(old), beginMark)
		_, tail, ok2 := strings.Cut(rest, endMark)
		if ok1 && ok2 {
			text = head + beginMark + "\n" + text + "\n" + endMark + tail
		}
	}
	return os.WriteFile(path, []byte(text), 0o644)
}

// table writes what is to be reached and what was, and then what was measured.
func table(w io.Writer, o options, all []done) {
	fmt.Fprintf(w, "%s, %s/%s, GOMAXPROCS %d; medians of %d rounds, ratios of times in one round.\n\n",
		runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.GOMAXPROCS(0), o.rounds)
	fmt.Fprintln(w, "| path | reach | measured | |\n| --- | --- | --- | --- |")
	for _, d := range all {
		title := d.title
		for _, v := range d.verdicts {
			mark := "reached"
			switch {
			case v.leftOut:
				mark = "not measured"
			case v.control:
				mark = ""
			case !v.reached:
				mark = "**not reached**"
			}
			fmt.Fprintf(w, "| %s | %s | %s | %s |\n", title, v.reach, v.got, mark)
			title = ""
		}
	}
	fmt.Fprintln(w, "\n| | time | allocations | bytes |\n| --- | ---: | ---: | ---: |")
	for _, d := range all {
		if len(d.measured) > 0 {
			fmt.Fprintf(w, "| **%s** | | | |\n", d.title)
		}
		for _, m := range d.measured {
			allocs, bytes := "", ""
			if m.bytes > 0 {
				allocs, bytes = fmt.Sprintf("%.0f", m.allocs), fmt.Sprintf("%.0f", m.bytes)
			}
			fmt.Fprintf(w, "| %s | %s | %s | %s |\n", m.name, human(m.median()), allocs, bytes)
		}
	}
}

// human writes nanoseconds as people read them.
func human(ns float64) string {
	switch {
	case ns < 1e3:
		return fmt.Sprintf("%.0f ns", ns)
	case ns < 1e6:
		return fmt.Sprintf("%.2f µs", ns/1e3)
	}
	return fmt.Sprintf("%.2f ms", ns/1e6)
}
