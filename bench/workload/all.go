package workload

import "switchyard/bench"

// Suite returns the models and workloads of the runner.
func Suite() bench.Suite { return bench.Suite{Models: Models(), Workloads: All()} }

// All returns every workload, in report order.
func All() []*bench.Workload {
	return []*bench.Workload{
		nop,      // floor
		pingPong, // switching
		ring,
		chain,
		spawn, // life cycle
		skynet,
		parked,
		cpuMap, // CPU
		submit,
		gc,
		mixed,
		prodCons, // messaging
		joinQueue,
		taskQueue,
		pipe,
		pipeOpen,
		sharedDict,
		sharedDictTuned,
		sharedArray,
		lock, // synchronising
		semaphore,
		event,
		parties,
		sleep, // IO
		echo,
		echoOpen,
		fetch,
		files,
		heartbeat, // scheduling
		policies,
		command, // processes
		crash,
	}
}
