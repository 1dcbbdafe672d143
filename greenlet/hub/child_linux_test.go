package hub

import (
	"fmt"
	"os"
)

// init turns the process into the outside clients of the echo benchmark when
// it was started as such.
func init() {
	if spec := os.Getenv("HUB_ECHO_LOAD"); spec != "" {
		if err := generateLoad(spec); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
}
