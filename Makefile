# Every target installs what it needs into .local/, says what it does and how long it took.
# P is a pattern: its folder in functions/, for instance P=saga.

TENFOLD := localstack/tenfold
PYTEST := $(TENFOLD) run pytest
E2E = tests/e2e/$(if $(P),$(subst -,_,$(P)))

.DEFAULT_GOAL := help
.PHONY: help doctor demo test check gates up down status sim scale e2e conformance soak bench deploy fmt clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9]+:.*## / {printf "  make %-22s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

doctor: ## what this machine lacks, which ports are taken, how much disk is needed; changes nothing
	@$(TENFOLD) doctor

demo: ## [P=pattern] the patterns at work, on a fresh machine
	@$(TENFOLD) up $(or $(P),circuit-breaker saga)
	@$(TENFOLD) run python tests/e2e/demo.py $(P)

test: ## all tests, and how long each stage and pattern took
	@tools/stages.py test

check: ## format, lint, unit and contract tests: no LocalStack
	@tools/stages.py check

gates: ## [G=gate] judge templates, state machines, crates and documentation: a part of `make check`
	@$(TENFOLD) gates $(G)

up: ## [P=pattern] start LocalStack, build, deploy, write .local/outputs.json
	@$(TENFOLD) up $(P)

down: ## stop LocalStack; its state is gone then
	@$(TENFOLD) stop

status: ## what runs, and where
	@$(TENFOLD) status

sim: ## [P=pattern SECONDS=n SEED=n] explore crashes and interleavings, ending in one JSON line
	@env $(if $(P),P=$(P)) $(if $(SECONDS),SECONDS=$(SECONDS)) $(if $(SEED),SEED=$(SEED)) $(if $(REPLAY),REPLAY="$(REPLAY)") tools/sim.py

scale: ## [P=pattern SCENARIO=name RATE=n SECONDS=n SEED=n] the same handlers in virtual time, under AWS's latencies, limits, prices
	@env $(if $(P),P=$(P)) $(if $(SCENARIO),SCENARIO=$(SCENARIO)) $(if $(RATE),RATE=$(RATE)) $(if $(SECONDS),SECONDS=$(SECONDS)) \
		$(if $(SEED),SEED=$(SEED)) $(if $(STRETCH),STRETCH=$(STRETCH)) $(if $(LATENCIES),LATENCIES=$(LATENCIES)) tools/scale.py

e2e: ## [P=pattern] end-to-end tests on LocalStack
	@$(TENFOLD) up $(P)
	@$(PYTEST) $(E2E) -n 8

conformance: ## the world held against LocalStack: all sequences, of which `make test` runs a part
	@$(TENFOLD) start
	@tools/rust.py compile
	@TENFOLD_CONFORMANCE=1 $(TENFOLD) run tools/rust.py conformance

soak: ## P=pattern the full loads: `make test` runs a tenth of them
	$(call require,P)
	@$(TENFOLD) up $(P)
	@TENFOLD_LOAD=1.0 $(PYTEST) $(E2E)

bench: ## [QUICK=1] what decisions cost beside other crates, cold start, AWS calls; into benches/README.md
	@$(TENFOLD) install-bench
	@.local/bench/bin/python benches/bench.py

deploy: ## P=pattern [ARCH=arm64 SAM="--guided"] build for release, deploy to your AWS account
	$(call require,P)
	@$(TENFOLD) deploy $(if $(ARCH),--arch=$(ARCH)) $(P) $(SAM)

fmt: ## format the Rust code
	@cargo fmt
	@cargo fmt --manifest-path benches/decisions/Cargo.toml

clean: down ## remove all that was built and installed
	@cargo clean
	@rm -rf .local

require = $(if $($(1)),,$(error $(1) is missing, for instance: make $@ $(1)=circuit-breaker))
