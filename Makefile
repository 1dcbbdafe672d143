# Type "make" for help.

# Variables of `make bench`; empty means all, or the default.
WORKLOADS ?=
MODELS    ?=
COUNT     ?= 6
BENCHTIME ?= 50ms
BUDGET    ?= 90s
CPU       ?= all
SEED      ?= 1
OUT       ?= results/latest

# Variables of `make mutants`; SEED is that of the draw.
PKGS      ?= ./...
N         ?= 20

GO        ?= go
PACKAGES  := ./...

.PHONY: help
help:
	@echo "make bench    measure everything, write bench.txt, latency.hlog and report.html to $(OUT)"
	@echo "make report   write the report of $(OUT) anew, and print the verdict"
	@echo "make compare  benchstat over $(OUT), one column per model"
	@echo "make smoke    a bench run of some seconds, to see that all works"
	@echo "make test     all tests, with the race detector"
	@echo "make check    formatting, vet, staticcheck, tidiness, builds for other systems, and make test"
	@echo "make faults   a million tasks while a thousand workers are killed; minutes"
	@echo "make mutants  change N places of each of PKGS, one at a time, and print what no test sees; hours for all"
	@echo "make clean    remove what was built"
	@echo
	@echo "Variables, with their values: WORKLOADS='$(WORKLOADS)' MODELS='$(MODELS)' COUNT=$(COUNT)"
	@echo "BENCHTIME=$(BENCHTIME) BUDGET=$(BUDGET) CPU=$(CPU) SEED=$(SEED) OUT=$(OUT), such as:"
	@echo "make bench WORKLOADS='PingPong|Lock' MODELS=greenlet,process COUNT=10 BENCHTIME=20ms"
	@echo "make mutants PKGS='./bench ./report/analysis' N=35 SEED=7"

.PHONY: build
build:
	@$(GO) build -buildvcs=auto -trimpath -o bin/ ./bench/cmd/...

.PHONY: bench
bench: build
	@bin/switchyard run --workloads '$(WORKLOADS)' --models '$(MODELS)' --count $(COUNT) \
		--benchtime $(BENCHTIME) --budget $(BUDGET) --cpu '$(CPU)' --seed $(SEED) --out '$(OUT)'

.PHONY: smoke
smoke: build
	@rm -rf results/latest-smoke
	@bin/switchyard run --count 2 --benchtime 2ms --out results/latest-smoke

.PHONY: report
report: build
	@bin/switchyard report '$(OUT)' --html '$(OUT)/report.html'

.PHONY: compare
compare:
	@$(GO) tool benchstat -col /model '$(OUT)/bench.txt'

.PHONY: test
test:
	$(GO) test -race -timeout 10m $(PACKAGES)

.PHONY: faults
faults:
	PROCS_FAULTS=long $(GO) test -count=1 -v -run '^TestFault' -timeout 30m ./procs/...

.PHONY: mutants
mutants:
	@$(GO) -C .mutants build -o ../bin/mutants .
	@bin/mutants -n $(N) -seed $(SEED) -known .mutants/known.txt $(PKGS)

.PHONY: check
check: fmt vet staticcheck tidy cross debug tools test

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

# The mutation tester is a module of its own.
.PHONY: tools
tools:
	cd .mutants && $(GO) vet ./... && $(GO) test ./...

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
