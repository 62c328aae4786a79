// Command iocopy is the shortest WebSocket proxy in Go: it takes the connection
// from net/http, sends the head on and leaves the rest to two io.Copy.
package main

import (
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: iocopy LISTEN UPSTREAM")
	}
	upstream := os.Args[2]
	log.Fatal(http.ListenAndServe(os.Args[1], http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := tunnel(w, r, upstream); err != nil {
			log.Print(err)
		}
	})))
}

func tunnel(w http.ResponseWriter, r *http.Request, upstream string) error {
	server, err := net.Dial("tcp", upstream)
	if err != nil {
		http.Error(w, "bad gateway", http.StatusBadGateway)
		return fmt.Errorf("dial: %w", err)
	}
	defer server.Close()
	query := r.URL.Query()
	r.Header.Set("Authorization", "Bearer "+query.Get("access_token"))
	query.Del("access_token")
	r.URL.RawQuery = query.Encode()
	// Write would leave out Connection and Upgrade if they were not in the header map.
	if err := r.Write(server); err != nil {
		return fmt.Errorf("send head: %w", err)
	}
	conn, early, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return fmt.Errorf("take over connection: %w", err)
	}
	client := conn.(*net.TCPConn)
	defer client.Close()
	// What the server buffered of the client's next bytes must not be lost.
	if n := early.Reader.Buffered(); n > 0 {
		if _, err := io.CopyN(server, early, int64(n)); err != nil {
			return fmt.Errorf("send early bytes: %w", err)
		}
	}
	done := make(chan struct{})
	go func() {
		_, _ = io.Copy(server, client)
		_ = server.(*net.TCPConn).CloseWrite()
		close(done)
	}()
	_, _ = io.Copy(client, server)
	_ = client.CloseWrite()
	<-done
	return nil
}
