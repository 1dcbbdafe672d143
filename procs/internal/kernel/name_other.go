//go:build !linux

package kernel

import (
	"errors"
	"os"
)

// RemoveName fails: nothing here makes files that it would remove.
func RemoveName(string, FileID) error { return errors.ErrUnsupported }

func idOf(string) (FileID, error) { return FileID{}, errors.ErrUnsupported }

func pin(string) (*os.File, FileID, error) { return nil, FileID{}, errors.ErrUnsupported }
