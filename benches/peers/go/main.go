// A minimal server with Go's net/http: the peer "go" of the tables.
package main

import (
	"encoding/json"
	"log"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"
)

func main() {
	started := time.Now()
	http.HandleFunc("/health", func(answer http.ResponseWriter, _ *http.Request) {
		answer.Header().Set("Content-Type", "application/json")
		json.NewEncoder(answer).Encode(map[string]any{
			"status": "ok", "service": "go", "version": "1", "uptime_seconds": int(time.Since(started).Seconds()),
		})
	})
	listener, err := listen()
	if err != nil {
		log.Fatal(err)
	}
	if fd, err := strconv.Atoi(os.Getenv("READY_FD")); err == nil {
		os.NewFile(uintptr(fd), "ready").Write([]byte("\n"))
	}
	log.Fatal(http.Serve(listener, nil))
}

func listen() (net.Listener, error) {
	if os.Getenv("LISTEN_FDS") == "1" {
		return net.FileListener(os.NewFile(3, "listener"))
	}
	return net.Listen("tcp", net.JoinHostPort(os.Getenv("HOST"), os.Getenv("PORT")))
}
