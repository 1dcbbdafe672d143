package hub

import "time"

type WatchdogConfig struct{ Threshold time.Duration }
type Watchdog struct{}

func (h *Hub) Watch(WatchdogConfig) *Watchdog { return nil }
func (*Watchdog) note(*Greenlet)              {}
func (*Watchdog) rest()                       {}
func goroutineID() uint64                     { return 0 }

type probe struct{}

func (*probe) Error() string    { return "" }
func (*probe) answer(*Greenlet) {}
