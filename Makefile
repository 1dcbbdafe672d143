# Type "make" for help.

# Variables of `make bench`; empty means all, or the default.
WORKLOADS ?=
PROFILE   ?= default
MODELS    ?=
COUNT     ?= $(if $(filter smoke,$(PROFILE)),1,6)
BENCHTIME ?= $(if $(filter smoke,$(PROFILE)),1ms,50ms)
BUDGET    ?= $(if $(filter default,$(PROFILE)),$(if $(PEERS),20m,240s),0)
SESSIONS  ?= 1
LIKE      ?=
CPU       ?= all
SEED      ?= 1
BASE      ?= goroutine
UNIT      ?= ns/op
OUT       ?= results/latest
PEERS     ?=
OLD       ?= HEAD
FAIL_ON   ?= 5%

# Variables of `make mutants`; SEED is that of the draw.
PKGS      ?= ./...
N         ?= 20

GO        ?= go
PACKAGES  := ./...
# Those that have one goroutine, tests included, and those that have more. A test
# of the tree sees to it that each is in one of the lists, and that the first is
# true: then the race detector can find nothing there, and takes many times as
# long.
ALONE     := ./bench/benchlog ./bench/internal/... ./bench/testenv ./report/...
# What takes long begins first; a pattern adds what is not there yet.
TOGETHER  := ./procs ./bench/workload ./bench/peers/... ./procs/remote ./procs/internal/transport ./procs/... ./bench/cmd/... \
		./greenlet/... ./bench ./bench/host ./bench/output ./bench/proctree ./bench/run
# Those of them that run much again of what the race detector has seen, to look
# at what comes out. They skip that with it, and most points of the matrix.
AGAIN     := ./bench/cmd/switchyard ./bench/workload

# quote returns a word as a shell reads it, whatever it holds.
quote = '$(subst ','\'',$(1))'

.PHONY: help
help:
	@:
	$(info make bench    measure what PROFILE says (default, full or smoke), write bench.txt, latency.hlog and report.html to $(OUT))
	$(info make report   write the report of $(OUT) anew, and print the verdict)
	$(info make ab       measure a change: OLD is a commit or a directory, beside what is here, in one run, in results/ab)
	$(info make null     measure one build as if it were two: what this machine's noise is, in results/null)
	$(info make compare  benchstat over $(OUT): UNIT of MODELS, each beside BASE)
	$(info make peers    what this project exists for beside others that do it: gob, conc, gnet, C, Go itself; minutes)
	$(info make peers-deps  what PEERS=python needs, from Debian: python3 with greenlet and gevent)
	$(info make smoke    make bench PROFILE=smoke: the smallest case of each workload, once, to see that all works)
	$(info make test     all tests, with the race detector where there are goroutines)
	$(info make check    formatting, vet, staticcheck, tidiness, builds for other systems, and make test)
	$(info make matrix   every point of every workload in every model once; many minutes)
	$(info make stats    how often intervals hold the truth, by simulations of some minutes)
	$(info make browser  the page in a headless Chromium, if there is one)
	$(info make faults   a million tasks while a thousand workers are killed; minutes)
	$(info make mutants  change N places of each of PKGS, one at a time, and print what no test sees; hours for all)
	$(info make clean    remove what was built)
	$(info )
	$(info Variables, with their values: WORKLOADS='$(WORKLOADS)' PROFILE=$(PROFILE) MODELS='$(MODELS)' COUNT=$(COUNT))
	$(info BENCHTIME=$(BENCHTIME) BUDGET=$(BUDGET) SESSIONS=$(SESSIONS) LIKE=$(LIKE) CPU=$(CPU) SEED=$(SEED) BASE=$(BASE) UNIT=$(UNIT) PEERS=$(PEERS) OLD=$(OLD) FAIL_ON=$(FAIL_ON) OUT=$(OUT), such as:)
	$(info make bench WORKLOADS='PingPong|Lock' MODELS=greenlet,process COUNT=10 BENCHTIME=20ms)
	$(info make mutants PKGS='./bench ./report/analysis' N=35 SEED=7)

.PHONY: build
build:
	@$(GO) build -buildvcs=auto -trimpath -o bin/ ./bench/cmd/...

# What all commands that measure are told.
measure = --workloads $(call quote,$(WORKLOADS)) --profile $(call quote,$(PROFILE)) --models $(call quote,$(MODELS)) \
		--count $(call quote,$(COUNT)) --benchtime $(call quote,$(BENCHTIME)) --budget $(call quote,$(BUDGET)) \
		--sessions $(call quote,$(SESSIONS)) --like $(call quote,$(LIKE)) --cpu $(call quote,$(CPU)) --seed $(call quote,$(SEED)) --out $(call quote,$(OUT))

comma := ,

# The runners of PEERS stand beside ours in the same run.
peers = $(if $(PEERS),--runner bin/runner $(foreach peer,$(subst $(comma), ,$(PEERS)),--runner $(call quote,bench/peers/$(peer)/runner)))

.PHONY: bench
bench: build
	@$(foreach peer,$(filter go remote,$(subst $(comma), ,$(PEERS))),$(GO) -C bench/peers/$(peer) build -trimpath -o runner . && ):
	@bin/switchyard run $(measure) $(peers)

# Those rows that package rows measures have peers that no other module links.
.PHONY: peers
peers:
	@$(GO) -C bench/peers/go run ./table $(CURDIR)

.PHONY: peers-deps
peers-deps:
	apt-get update && apt-get install -y --no-install-recommends python3 python3-greenlet python3-gevent

# Both measure three times as much as bench: the old build, the new one, and the
# old one again.
ab null: COUNT = 10
ab null: BUDGET = 10m
ab: OUT = results/ab
null: OUT = results/null
null: SESSIONS = 2

.PHONY: ab
ab: build
	@bin/switchyard ab --old $(call quote,$(OLD)) --fail-on $(call quote,$(FAIL_ON)) $(measure)

.PHONY: null
null: build
	@bin/switchyard null $(measure)

.PHONY: smoke
smoke: PROFILE = smoke
smoke: OUT = results/latest-smoke
smoke: build
	@rm -rf results/latest-smoke
	@bin/switchyard run $(measure)

.PHONY: report
report: build
	@bin/switchyard report $(call quote,$(OUT)) --html $(call quote,$(OUT)/report.html)

# beside sets one model against BASE, without the p values: they are what makes
# benchstat's tables wider than a terminal, and "~" says what they say; so are the
# decimals of thousands of per cent, and columns as wide as the widest number that
# could be. The time of an op in an open loop (it has a rate) is the one that it
# was asked at.
define beside
@$(GO) tool benchstat -table pkg -col $(call quote,/model@($(BASE) $(1))) \
	-filter $(call quote,.unit:$(UNIT) /model:($(BASE) OR $(1))$(if $(filter ns/op,$(UNIT)), -/rate:/./)) $(call quote,$(OUT)/bench.txt) | \
	sed -e '/^pkg: /d' -e 's/ (p=[^)]*)//' -e 's/± */±/g' -e 's/\([0-9]\{4\}\)\.[0-9]*%/\1%/' | if [ "$$ALIGN" ]; then LC_ALL=C awk "$$ALIGN"; else cat; fi

endef

# align sets benchstat's table anew: a name, twice a value and its spread, the
# change, a note.
define align
# width counts characters, not bytes.
function width(s) { gsub(/[\200-\277]/, "", s); return length(s) }
function right(s, n) { return sprintf("%" (n > width(s) ? n - width(s) : 0) "s%s", "", s) }
{ gsub(/│/, "") }
/^ / { # the heads: models, then units
	head[NR] = 1; cell[NR, 2] = $$1; cell[NR, 4] = $$2; $$1 = $$2 = ""; sub(/^ */, ""); cell[NR, 6] = $$0; next
}
NF < 2 || /^(¹|²|³|⁴|⁵) / { plain[NR] = $$0; next }
{
	cell[NR, 1] = $$1; at = 2
	for (i = 2; i <= NF; i++) {
		if ($$i ~ /^±/) { cell[NR, at - 1] = $$i; last = at - 1; continue }
		if ($$i ~ /^(¹|²|³|⁴|⁵)$$/) { cell[NR, last == 6 ? 7 : last] = cell[NR, last == 6 ? 7 : last] $$i; continue }
		if ($$i ~ /^[-+~]/) at = 6
		cell[NR, last = at] = $$i; at += 2
	}
	for (i = 1; i <= 7; i++) if (width(cell[NR, i]) > most[i]) most[i] = width(cell[NR, i])
}
END {
	for (n = 1; n <= NR; n++) {
		if (n in plain) { print plain[n]; continue }
		line = sprintf("%s%s", cell[n, 1], right("", most[1] - width(cell[n, 1])))
		for (i = 2; i <= 4; i += 2)
			line = line "  " (n in head ? right(cell[n, i], most[i] + 1 + most[i + 1]) : right(cell[n, i], most[i]) " " right(cell[n, i + 1], most[i + 1]))
		line = line "  " right(cell[n, 6], most[6] > 7 ? most[6] : 7) " " cell[n, 7]
		sub(/ *$$/, "", line); print line
	}
}
endef

.PHONY: compare
compare: export ALIGN = $(align)
compare:
	$(foreach model,$(filter-out $(BASE),$(subst $(comma), ,$(or $(MODELS),greenlet process))),$(call beside,$(model)))

# Many tests wait: one package more than there are processors keeps them busy.
# Each test has limits of its own; that of a package is for a slow machine. What
# go test would look for before it runs anything, once with the race detector and
# once without, is a part of what make vet looks for.
test = -vet=off -timeout 60m -p $$(($$(nproc) + 1))

# A program with the race detector waits for a second before it exits; so would
# the tests of each package.
.PHONY: test
test: export GORACE = atexit_sleep_ms=50
test:
	$(GO) test -race $(test) $(TOGETHER)
	$(GO) test $(test) $(AGAIN) $(ALONE)

.PHONY: matrix
matrix:
	MATRIX=long $(GO) test -count=1 -timeout 60m -run '^TestMatrix$$' ./bench/workload

.PHONY: stats
stats:
	STATS=long $(GO) test -count=1 -v -timeout 30m ./report/inference ./report/analysis
	STATS=long $(GO) test -count=1 -v -timeout 30m -run '^TestTenNullRuns$$' ./bench/cmd/switchyard

.PHONY: faults
faults:
	PROCS_FAULTS=long $(GO) test -count=1 -v -run '^TestFault' -timeout 30m ./procs/...

.PHONY: mutants
mutants:
	@$(GO) -C .mutants build -o ../bin/mutants .
	@bin/mutants -n $(call quote,$(N)) -seed $(call quote,$(SEED)) -known .mutants/known.txt $(PKGS)

.PHONY: check
check: fmt vet staticcheck tidy cross debug tools peers-test test browser

.PHONY: fmt
fmt:
	@unformatted=$$(gofmt -l .); [ -z "$$unformatted" ] || { echo "gofmt: $$unformatted"; exit 1; }

.PHONY: vet
vet:
	$(GO) vet $(PACKAGES)

.PHONY: staticcheck
staticcheck:
	$(GO) tool staticcheck $(PACKAGES)

# The build of package greenlet that detects every misuse.
.PHONY: debug
debug:
	$(GO) vet -tags greenletdebug ./greenlet/...
	$(GO) test -tags greenletdebug ./greenlet/

# The tests that need a browser are a module of their own, and so is the mutation
# tester.
.PHONY: browser
browser:
	cd .browser && $(GO) vet ./... && $(GO) test -count=1 ./...

.PHONY: tools
tools:
	cd .mutants && $(GO) vet ./... && $(GO) test ./...

# The runner of models from other Go modules is a module of its own, too.
.PHONY: peers-test
peers-test:
	cd bench/peers/go && $(GO) vet ./... && $(GO) test -count=1 ./...

.PHONY: tidy
tidy:
	$(GO) mod tidy -diff

.PHONY: cross
cross:
	GOOS=darwin $(GO) vet $(PACKAGES)
	GOOS=windows $(GO) vet $(PACKAGES)

.PHONY: clean
clean:
	rm -rf bin results/latest-smoke
