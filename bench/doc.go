// Package bench is the vocabulary of Switchyard and its harness: what a
// workload is, and how one result is measured.
//
// The rules:
//
//   - A [Workload] is one question; a [Model] is a way of running many tasks at
//     once; a workload, a model and a parameter point make a [Case].
//   - A [Func] does b.N ops and returns the answer. Only what lies between
//     [B.Start] and [B.Stop] is timed. The answer is compared with
//     [Workload.Want] on every result, and what its units entered with
//     [Workload.Ledger]: what is wrong is a failed case, never a number.
//   - Every result is measured in a fresh process ([Measure], called by the
//     runner), so that one model's garbage is not another's pause.
//   - How a whole run is ordered is package run; what a runner and a run write,
//     and how that is read, is package benchlog.
//
// The package imports none of the models and links little: the runner, and so
// every worker process that a workload starts, pays for its packages before
// main.
//
// # The runner protocol
//
// A program in any language can be measured beside ours, with workloads and
// models of its own. It is called in two ways:
//
//	runner -list
//	runner -workload NAME -model MODEL -params P -cpus C -benchtime D [-n N -op D]
//
// -list prints one line per model and per workload, which are the records of
// package benchlog ([ModelInfo], [WorkloadInfo]): "# model " or "# workload "
// and a JSON object.
//
//	# model {"name":"sh","note":"subshells of a POSIX shell","processes":true}
//	# workload {"name":"Fork","op":"child","cases":["n=1","n=8"],"models":["sh"], ...}
//	# workload {"name":"PingPong","models":["sh"]}
//
// A model belongs to one program; a workload may be had by several, with the
// same op and points. A program that is named after another, and has models for
// workloads of that one, lists them with their names, "models" and "na" alone.
// For each of its models that it does not implement, "na" has the reason. A
// workload without parameters has the one case "". Points that only a run of
// the full profile measures are listed under "more", beside "cases". The model
// of another program that a model is made after is "beside", and "of" is the
// model before it that a model is a form of. A program that cannot run on
// this machine says why on standard error, with exit status 3; the run goes on
// without it.
//
// The other way measures one result of one case:
//
//   - D is a number of nanoseconds, as in 50000000ns. P is one of the points,
//     or differs from some of them in a parameter that the workload has listed
//     under "refine", by any size between theirs ("task=2.41us"). C is the size
//     of the CPU set, which the program has inherited; so it has the variable
//     GOMAXPROCS. Standard input is not to be read.
//   - With -n it warms up, does N ops (or a few more, so that batches are
//     whole), and checks their answer. The length of an op is -op: from that it
//     may decide of which ops to take the latency.
//   - Without -n it calibrates: it finds how many ops take the bench time.
//   - It prints one result in the Go benchmark format, whose name is the case's
//     ([benchlog.Case.String]) and whose iterations are the ops that were done
//     (the N to use, of a calibration). "ns/op" must be there; [Result.String]
//     has more units.
//   - If the workload is an open loop ("open"), the op is a request, and the
//     parameter "rate" says how many leave in a second, at times that are
//     decided beforehand. The latency is counted from the intended time,
//     "lag-p99-ns" and "lag-max-ns" say how late the generator of the load was
//     by itself, and there is no "ops/s". A case whose load was not the
//     intended one cannot be run: see [OpenLoop].
//   - If it took latencies, a line "latency H" has them as an HdrHistogram of
//     nanoseconds (V2, compressed, base64), and the result has "max-ns".
//   - After a calibration, a line "calibrated PASSES NANOSECONDS BATCH" may say
//     how often it ran the ops, how long they took together (the rest of a call
//     is taken for set-up), and how many ops make a batch, such as a lap: a
//     result then has at least ten of them. BATCH may be left out.
//   - Its exit status is 0, or 1 for a failed case (a wrong answer, an error),
//     2 for bad arguments, 3 for a case that this machine cannot run; the
//     reason is on standard error, in one sentence.
//
// Nothing else may be on standard output. A program that hangs is killed, with
// all that it started; processes that it leaves behind make a failed case.
// bench/cmd/switchyard/testdata/peer.sh is a runner of one model and two
// workloads.
//
// It is not a replacement for testing.B: it measures models of concurrency
// against each other, with the whole process tree on the bill.
package bench
