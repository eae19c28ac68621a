.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help run test lint fmt build bench bench-micro fuzz faults soak clean

LAUNCH := go run ./testenv/launch

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## start the demo: sample partner, sample application, one signed link
	go run ./server demo

test: ## test everything, on SQLite and on a private Postgres and Redis, with Chromium, nginx, Caddy, HAProxy and PgBouncer
	go vet ./... && $(LAUNCH) -partners -- env CGO_ENABLED=1 go test -race -shuffle=on -p=1 -timeout=45m ./...

lint: ## everything golangci-lint has to say (builds it first: minutes)
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0 run

fmt: ## format every Go file
	go tool gofumpt -w .

build: ## the static binary bin/usher
	CGO_ENABLED=0 go build -tags nomsgpack -trimpath -ldflags "-s -w" -o bin/usher ./server

bench: ## Usher beside the limits of this machine, a million people (their data stay in .cache; quicker: docs/performance.md)
	$(LAUNCH) -durable -data .cache/bench -with postgres,redis -- go run ./bench -keep

bench-micro: ## the micro-benchmarks, ten times, beside those of the last time (benchstat)
	$(LAUNCH) -durable -with postgres,redis -- bash .ci/bench-micro

fuzz: ## every fuzz target, each for FUZZTIME (default 20s)
	bash .ci/fuzz

faults: ## break what Usher rests on, the long form, or a part of it (RUN=Balanced); the short form is in make test
	$(LAUNCH) -- go test ./testenv/faults -count=1 -v -timeout=120m -long -run '$(RUN)'

soak: ## sign people in for 20 minutes; memory, goroutines and descriptors stay flat
	$(LAUNCH) -- go test ./testenv/faults -count=1 -v -timeout=60m -run 'TestSoak$$' -soak 20m

clean: ## remove what was built and cached here; ./data stays
	rm -rf bin .cache && go clean -testcache
