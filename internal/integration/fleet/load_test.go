package fleet

import (
	"context"
	"sync"
	"time"
)

// pace is the pause between two requests for a user. Without it, a fleet whose requests fail at
// once would slow down the server that starts.
const pace = 20 * time.Millisecond

// load makes requests for some users, one after the other for each. It runs until it is stopped,
// and counts the outcomes.
type load struct {
	request func(ctx context.Context, user string) string
	stopped chan struct{}
	once    sync.Once
	wg      sync.WaitGroup

	mu    sync.Mutex // guards all below
	turn  *sync.Cond
	phase string
	users []string
	ended map[[2]string]outcomes // by user and phase
	row   map[string]int         // good requests in a row, by user
}

func newLoad(request func(context.Context, string) string) *load {
	l := &load{
		request: request, stopped: make(chan struct{}),
		ended: map[[2]string]outcomes{}, row: map[string]int{},
	}
	l.turn = sync.NewCond(&l.mu)
	return l
}

func (l *load) start(users []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.users = append(l.users, users...)
	for _, user := range users {
		l.wg.Go(func() { l.run(user) })
	}
}

func (l *load) run(user string) {
	tick := time.NewTicker(pace)
	defer tick.Stop()
	for {
		l.mu.Lock()
		began := l.phase
		l.mu.Unlock()
		how := l.request(context.Background(), user)
		l.mu.Lock()
		phase := l.phase
		if phase != began {
			phase = between
		}
		at := [2]string{user, phase}
		if l.ended[at] == nil {
			l.ended[at] = outcomes{}
		}
		l.ended[at][how]++
		l.row[user]++
		if how != good {
			l.row[user] = 0
		}
		l.turn.Broadcast()
		l.mu.Unlock()
		select {
		case <-tick.C:
		case <-l.stopped:
			return
		}
	}
}

// enter begins a phase.
func (l *load) enter(phase string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.phase = phase
	clear(l.row)
}

// await waits for n requests for each user that were entirely in this phase.
func (l *load) await(n int) {
	l.until(func(user string) bool {
		sum := 0
		for _, k := range l.ended[[2]string{user, l.phase}] {
			sum += k
		}
		return sum >= n
	})
}

// recover waits until n requests in a row for each user have succeeded since the phase began.
func (l *load) recover(n int) { l.until(func(user string) bool { return l.row[user] >= n }) }

func (l *load) until(reached func(user string) bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, user := range l.users {
		for !reached(user) {
			l.turn.Wait()
		}
	}
}

func (l *load) stop() {
	l.once.Do(func() { close(l.stopped) })
	l.wg.Wait()
}

func (l *load) tally() []loadOutcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	var all []loadOutcome
	for at, o := range l.ended {
		all = append(all, loadOutcome{User: at[0], Phase: at[1], Outcomes: o})
	}
	return all
}
