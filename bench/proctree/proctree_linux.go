package proctree

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// Descendants returns the living processes below pid, parents before children.
func Descendants(pid int) []int {
	var all []int
	for queue := []int{pid}; len(queue) > 0; queue = queue[1:] {
		kids := Children(queue[0])
		all = append(all, kids...)
		queue = append(queue, kids...)
	}
	return all
}

// Children returns the direct children of pid.
func Children(pid int) []int {
	lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	var kids []int
	for _, name := range lists {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // the thread has just ended
		}
		for _, field := range bytes.Fields(text) {
			if kid, err := strconv.Atoi(string(field)); err == nil {
				kids = append(kids, kid)
			}
		}
	}
	return kids
}
