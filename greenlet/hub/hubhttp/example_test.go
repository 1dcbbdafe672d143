package hubhttp_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"switchyard/greenlet/hub"
	"switchyard/greenlet/hub/hubhttp"
)

// Many downloads, three at a time, with the whole of net/http's client.
func Example() {
	site := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "page", r.URL.Path)
	}))
	defer site.Close()
	err := hub.Run(func(h *hub.Hub) error {
		client := &http.Client{Transport: hubhttp.NewTransport(h)}
		pages, err := hub.Map(hub.NewPool(h, 3), []string{"/1", "/2", "/3", "/4"}, func(path string) (string, error) {
			resp, err := client.Get(site.URL + path)
			if err != nil {
				return "", err
			}
			defer resp.Body.Close()
			body, err := io.ReadAll(resp.Body)
			return string(body), err
		})
		fmt.Println(pages)
		return err
	})
	fmt.Println(err)
	// Output:
	// [page/1 page/2 page/3 page/4]
	// <nil>
}

// A server whose handler shares a counter without a lock, and a client of it on
// the same hub.
func ExampleServer() {
	err := hub.Run(func(h *hub.Hub) error {
		visits := 0
		server := hubhttp.NewServer(h, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			visits++ // one greenlet runs at a time
			h.Sleep(time.Millisecond)
			fmt.Fprintf(w, "visit %d", visits)
		}))
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		serving := h.Spawn(func() error { return server.Serve(l) })
		client := &http.Client{Transport: hubhttp.NewTransport(h)}
		for range 2 {
			resp, err := client.Get("http://" + l.Addr().String())
			if err != nil {
				return err
			}
			body, err := io.ReadAll(resp.Body)
			resp.Body.Close()
			fmt.Printf("%s, %v\n", body, err)
		}
		if err := server.Shutdown(time.Second); err != nil {
			return err
		}
		return serving.Get()
	})
	fmt.Println(err)
	// Output:
	// visit 1, <nil>
	// visit 2, <nil>
	// <nil>
}
