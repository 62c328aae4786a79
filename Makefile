# run, build, test and fuzz need Go and make, nothing else; race needs a C compiler too.

GO       ?= go
FUZZTIME ?= 30s
VERSION  ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)

# Static: the image is empty but for the binary. Trimmed: the same source gives the
# same binary wherever it lies.
BUILD := CGO_ENABLED=0 $(GO) build -trimpath -ldflags '-s -w -X main.version=$(VERSION)'

# Linux has the event loops, the others the goroutine relay behind the same names.
PLATFORMS := linux/amd64 linux/arm64 darwin/arm64 freebsd/amd64

.PHONY: run build test race fuzz lint cross portable ci clean bench-peers bench bench-quick bench-report bench-ci bench-compare

# Not by go run, which turns the clean end after Ctrl-C into a failure.
run: build ## a mail-server stand-in, the proxy and a page to try
	./wssplice demo

build: ## the static binary ./wssplice
	$(BUILD) -o wssplice ./cmd/wssplice

test:
	$(GO) test ./...

race:
	CGO_ENABLED=1 $(GO) test -race ./...

# go test fuzzes one target at a time. Each runs for FUZZTIME; one that fails
# leaves its input in testdata/fuzz and stops the rest.
fuzz:
	@set -e; for dir in $$($(GO) list -f '{{.Dir}}' ./...); do \
		for target in $$(cat "$$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do \
			echo "$$target in $${dir#$(CURDIR)/}"; \
			(cd "$$dir" && $(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) .); \
		done; \
	done

lint:
	@unformatted=$$("$$($(GO) env GOROOT)/bin/gofmt" -l .); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w is due:"; echo "$$unformatted"; exit 1; fi
	$(GO) vet ./...
	$(GO) tool staticcheck ./...
	$(GO) mod tidy -diff

# Tests are vetted as well, so that those of other systems keep compiling.
cross:
	@set -e; for platform in $(PLATFORMS); do \
		echo "$$platform"; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 $(GO) build -o /dev/null ./cmd/wssplice; \
		GOOS=$${platform%/*} GOARCH=$${platform#*/} CGO_ENABLED=0 $(GO) vet ./...; \
	done

# The build without event loops, which other systems get, with the stories that hold
# for it: it notices a client that left only when it has something to say to it.
LOOPLESS := client-gone urgent-data events dial client-half-closes upstream-half-closes
portable:
	@stories=$$(ls proxy/testdata/wire | sed 's/\.txt$$//' | grep -vxE "$$(echo $(LOOPLESS) | tr ' ' '|')" | paste -sd'|'); \
		set -x; $(GO) test -tags portable ./proxy -run "TestWire/^($$stories)\$$"

ci: lint test race portable cross build

# The benchmarks are a module of their own: bench/Makefile says what each of these does.
bench-peers bench bench-quick bench-report bench-ci bench-compare:
	$(MAKE) -C bench $@

clean:
	rm -rf wssplice dist
