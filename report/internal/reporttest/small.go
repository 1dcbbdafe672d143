package reporttest

const Small = `# switchyard {"format":1,"run":"2026-11-20T19:03:11.25Z","command":"make bench","seed":1,"count":2,"benchtime_ns":50000000,"cpus":"0-1","models":["serial","greenlet","goroutine"]}
# workload {"name":"Lock","story":"Tickets.","op":"ticket","source":"bench/workload/lock.go","vary":["tasks"],"cases":["tasks=2","tasks=8"]}
goos: linux
cpu: Test CPU
Unit ops/s better=higher
BenchmarkLock/tasks=8/model=greenlet-2 	 50000 	 1012 ns/op	 988142 ops/s	 1400 p99-ns	 4812800 peak-RSS-bytes
BenchmarkLock/tasks=2/model=greenlet-2 	 50000 	 1000 ns/op	 1e6 ops/s
# block {"block":1,"attempt":1,"seed":1,"canary_ns":[100,110],"canary_base_ns":100,"steal_pct":0.5,"load1":0.3,"disturbed":true}
BenchmarkLock/tasks=2/model=greenlet-2 	 50000 	 1010 ns/op	 990000 ops/s
--- FAIL: BenchmarkLock/tasks=8/model=goroutine-2
    block 3: wrong answer: got 17, want 0
    and more
--- SKIP: BenchmarkLock/model=serial-2
    nobody to share with
# block {"block":2,"attempt":1}
BenchmarkLock/tasks=2/model=goroutine-2 	 50000 	 2000 ns/op	 500000 ops/s
`

// SmallLog begins the latency log of that run.
const SmallLog = "#[Histogram log format version 1.3]\n#[StartTime: 1795201391.250 (seconds since epoch), 2026-11-20T19:03:11Z]\n"
