package bench

import "testing"

// A rival is one way to do the work of a benchmark.
type rival struct {
	name string
	op   func() error
}

// run benchmarks each rival. The script compare prints ratios to the first one.
func run(b *testing.B, rivals ...rival) {
	for _, r := range rivals {
		b.Run("by="+r.name, r.bench)
	}
}

func (r rival) bench(b *testing.B) {
	// The first op may open a connection.
	if err := r.op(); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if err := r.op(); err != nil {
			b.Fatal(err)
		}
	}
}

// allocations returns how many allocations one op of r makes.
func (r rival) allocations(t *testing.T) int {
	t.Helper()
	var failed error
	count := testing.AllocsPerRun(200, func() {
		if err := r.op(); err != nil {
			failed = err
		}
	})
	if failed != nil {
		t.Fatalf("%s: %v", r.name, failed)
	}
	t.Logf("%s: %.0f allocations", r.name, count)
	return int(count)
}
