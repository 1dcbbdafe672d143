#!/bin/sh
# A runner of one model and two workloads, in a language that has little: what
# the runner protocol asks of a program is all here (go doc switchyard/bench).
set -eu

# ops_NAME does $1 ops with the parameters $2, and sets answer and want.

ops_PingPong() {
	answer=0 left=$1
	while [ "$left" -gt 0 ]; do
		answer=$((answer + 1))
		answer=$((answer + 1))
		left=$((left - 1))
	done
	want=$((2 * $1))
}

ops_Fork() { # children in rounds of n, each of which writes a byte
	n=${2#n=} left=$1
	answer=$(while [ "$left" -gt 0 ]; do
		round=0
		while [ "$round" -lt "$n" ] && [ "$left" -gt 0 ]; do
			(printf .) &
			round=$((round + 1)) left=$((left - 1))
		done
		wait
	done | wc -c)
	answer=$((answer)) want=$1
}

fail() {
	echo "$2" >&2
	exit "$1"
}

# pass does $1 ops, sets took to the nanoseconds that they took, and checks
# their answer.
pass() {
	began=$(date +%s%N)
	"ops_$workload" "$1" "$params"
	took=$(($(date +%s%N) - began))
	[ "$answer" -eq "$want" ] || fail 1 "wrong answer: got $answer, want $want"
}

if [ "${1-}" = -list ]; then
	cat <<-'END'
		# model {"name":"sh","note":"a POSIX shell and its children","processes":true}
		# workload {"name":"PingPong","story":"A counter goes back and forth.","op":"round trip","cases":[""],"models":["sh"]}
		# workload {"name":"Fork","story":"Start children that do next to nothing.","op":"child","cases":["n=1","n=8"],"vary":["n"],"models":["sh"]}
	END
	exit
fi

workload='' model='' params='' cpus='' benchtime='' n=0
while [ $# -gt 1 ]; do
	case $1 in
	-workload) workload=$2 ;;
	-model) model=$2 ;;
	-params) params=$2 ;;
	-cpus) cpus=$2 ;;
	-benchtime) benchtime=${2%ns} ;;
	-n) n=$2 ;;
	-op) ;; # no latencies are taken
	*) fail 2 "unknown argument $1" ;;
	esac
	shift 2
done
case $workload/$params/$model in
PingPong//sh | Fork/n=[18]/sh) ;;
*) fail 2 "no case $workload/$params/$model" ;;
esac

if [ "$n" -gt 0 ]; then
	pass $(((n + 9) / 10)) # warm up
	pass "$n"
else
	n=1 passes=1
	pass 1
	timed=$took
	while [ "$took" -lt $((benchtime * 9 / 10)) ]; do
		n=$((n * 2)) passes=$((passes + 1))
		pass "$n"
		timed=$((timed + took))
	done
	echo "calibrated $passes $timed"
fi
printf 'Benchmark%s%s/model=%s-%s\t%s\t%s ns/op\n' "$workload" "${params:+/$params}" "$model" "$cpus" "$n" $(((took + n - 1) / n))
