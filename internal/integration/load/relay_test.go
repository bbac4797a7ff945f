package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// The kinds of session commands that a relay can disturb.
const (
	recordWrite    = "writes of a session"
	tombstoneWrite = "tombstones"
	recordDelete   = "deletes"
)

// redisCommand is a command of a client, with the bytes that the client sent.
type redisCommand struct {
	args []string
	raw  []byte
}

// kind returns which of the kinds c is, or "".
func (c redisCommand) kind() string {
	if len(c.args) < 2 || !strings.HasPrefix(c.args[1], sessionPrefix) {
		return ""
	}
	switch strings.ToLower(c.args[0]) {
	case "del":
		return recordDelete
	case "set":
		if ownRecord([]byte(c.args[2])) {
			return recordWrite
		}
		return tombstoneWrite
	}
	return ""
}

// relay forwards commands to a Redis server. It disturbs commands of the chosen kinds in turn:
// it delays one, sends one twice, and holds one back while it cuts the connection. The client
// then sends that command again, and release sends the first copy.
type relay struct {
	addr, server string
	kinds        map[string]bool

	mu        sync.Mutex // guards all below
	disturbed map[string]int
	cut       map[string]bool // by kind and key, so that no command is cut twice
	kept      []redisCommand
}

// newRelay starts a relay to the server at addr that disturbs the kinds.
func newRelay(t *testing.T, addr string, kinds ...string) *relay {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	r := &relay{
		addr: l.Addr().String(), server: addr, kinds: make(map[string]bool),
		disturbed: make(map[string]int), cut: make(map[string]bool),
	}
	for _, kind := range kinds {
		r.kinds[kind] = true
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go r.serve(c)
		}
	}()
	return r
}

// serve relays one connection.
func (r *relay) serve(client net.Conn) {
	defer func() { _ = client.Close() }()
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return
	}
	defer func() { _ = server.Close() }()
	go func() { _, _ = io.Copy(client, server) }()
	for in := bufio.NewReader(client); ; {
		c, err := readCommand(in)
		if err != nil || !r.pass(c) {
			return
		}
		if _, err := server.Write(c.raw); err != nil {
			return
		}
	}
}

// pass reports whether c is forwarded now. If not, cut the connection.
func (r *relay) pass(c redisCommand) bool {
	kind := c.kind()
	if !r.kinds[kind] {
		return true
	}
	r.mu.Lock()
	turn := r.disturbed[kind]
	r.disturbed[kind]++
	id := kind + c.args[1]
	keep := turn%3 == 2 && !r.cut[id]
	if keep {
		r.cut[id] = true
		r.kept = append(r.kept, c)
	}
	r.mu.Unlock()
	switch turn % 3 {
	case 0:
		<-time.After(time.Duration(1+rand.IntN(5)) * time.Millisecond) // a slow network
	case 1:
		_ = r.send(c)
	}
	return !keep
}

// send sends c on a separate connection and waits for the answer.
func (r *relay) send(c redisCommand) error {
	server, err := net.Dial("tcp", r.server)
	if err != nil {
		return err
	}
	defer func() { _ = server.Close() }()
	if _, err := server.Write(c.raw); err != nil {
		return err
	}
	_, err = bufio.NewReader(server).ReadString('\n')
	return err
}

// release sends the commands that were held back, in any order, and stops all disturbance. It
// returns the number of commands of each kind.
func (r *relay) release(t *testing.T) map[string]int {
	t.Helper()
	r.mu.Lock()
	kept := r.kept
	r.kept, r.kinds = nil, nil
	r.mu.Unlock()
	rand.Shuffle(len(kept), func(i, k int) { kept[i], kept[k] = kept[k], kept[i] })
	sent := make(map[string]int)
	for _, c := range kept {
		if err := r.send(c); err != nil {
			t.Fatal(err)
		}
		sent[c.kind()]++
	}
	return sent
}

// readCommand reads an array of bulk strings, the form of all commands.
func readCommand(in *bufio.Reader) (c redisCommand, err error) {
	var raw bytes.Buffer
	n, err := readLength(in, &raw, '*')
	for range n {
		var size int
		if err == nil {
			size, err = readLength(in, &raw, '$')
		}
		arg := make([]byte, size+2) // including the end of the line
		if err == nil {
			_, err = io.ReadFull(in, arg)
		}
		raw.Write(arg)
		c.args = append(c.args, string(arg[:size]))
	}
	c.raw = raw.Bytes()
	return c, err
}

// readLength reads a line with a mark and a number.
func readLength(in *bufio.Reader, raw *bytes.Buffer, mark byte) (int, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return 0, err
	}
	raw.WriteString(line)
	if line[0] != mark {
		return 0, fmt.Errorf("a client sent %q", line)
	}
	return strconv.Atoi(strings.TrimSpace(line[1:]))
}
