package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
)

// overLoopback serves h with net/http, and asks it over one connection that stays open. The
// client writes a ready-made request, so that the server's part is most of the time.
func overLoopback(name string, h http.Handler, cookies string) (contender, func(), error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return contender{}, nil, err
	}
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(l) }()
	conn, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		_ = srv.Close()
		return contender{}, nil, err
	}
	request := fmt.Appendf(nil, "GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: text/html\r\nCookie: %s\r\n\r\n", cookies)
	// Answers are all as long as the first, so the client need not take them apart, which
	// would cost more for one with more headers.
	buf := make([]byte, 4096)
	if _, err := conn.Write(request); err != nil {
		return contender{}, nil, err
	}
	n, err := conn.Read(buf)
	if err != nil {
		return contender{}, nil, err
	}
	op := func() error {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, buf[:n]); err != nil {
			return err
		}
		if !bytes.HasPrefix(buf, []byte("HTTP/1.1 200 ")) || !bytes.HasSuffix(buf[:n], []byte(person.Username)) {
			return fmt.Errorf("%q: %w", buf[:min(n, 40)], errNobody)
		}
		return nil
	}
	return contender{name, op}, func() { _ = conn.Close(); _ = srv.Close() }, nil
}
