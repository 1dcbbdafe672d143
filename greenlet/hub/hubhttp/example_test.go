package hubhttp_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

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
