package main

import (
	"bufio"
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
	in := bufio.NewReader(conn)
	op := func() error {
		if _, err := conn.Write(request); err != nil {
			return err
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return err
		}
		n, err := io.Copy(io.Discard, resp.Body)
		_ = resp.Body.Close()
		if err == nil && (resp.StatusCode != http.StatusOK || n != int64(len(person.Username))) {
			err = fmt.Errorf("status %d, %d bytes: %w", resp.StatusCode, n, errNobody)
		}
		return err
	}
	return contender{name, op}, func() { _ = conn.Close(); _ = srv.Close() }, nil
}
