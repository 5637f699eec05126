# Everything that a person or a machine does with Snapback from a clone. It takes Rust, Python 3 and a C compiler;
# whatever else is needed is installed under target/ from pinned versions, once.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
.PHONY: help demo demo-organization local test soak laws meanwhile check sam-local bench bench-replay bench-latencies bench-calls bench-load recording advisories deploy clean rust lints python

# No tool that runs here may report to its maker.
export SAM_CLI_TELEMETRY := 0

# Built from crates.io, since its makers publish current binaries on GitHub only.
CARGO_DENY := 0.20.2

# The environments: the local AWS and its tests, SAM (which brings cfn-lint and cargo-lambda), checkov, whose own pins
# would fight with SAM's, and what Snapback is measured beside.
LOCAL := target/venv/.installed
SAM := target/venv-sam/.installed
CHECKOV := target/venv-check/.installed
BENCH := target/venv-bench/.installed
RECORD := target/venv-record/.installed
DENY := target/tools/cargo-deny-$(CARGO_DENY)

say = @printf '\n── %s\n'

help: ## This list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: rust $(LOCAL) $(SAM) ## See Snapback revert two risky changes, on an AWS on this machine
	$(say) "Building Snapback (the first time about 10 minutes on two cores, later seconds)"
	cargo build --workspace
	$(say) "The demo"
	@target/venv/bin/python local/demo.py

demo-organization: rust $(LOCAL) $(SAM) ## See one Snapback guard other accounts and Regions, on an AWS on this machine
	$(say) "Building Snapback (the first time about 10 minutes on two cores, later seconds)"
	cargo build --workspace
	$(say) "The demo of an organization"
	@target/venv/bin/python local/demo_organization.py

local: rust $(LOCAL) $(SAM) ## The same, and leave that AWS running to try things out; MODE=ask begins with your turn
	$(say) "Building Snapback (the first time about 10 minutes on two cores, later seconds)"
	cargo build --workspace
	$(say) "A local AWS with Snapback in it"
	@target/venv/bin/python local/demo.py --stay --mode $(or $(MODE),revert)

# What takes long is done side by side: while the tests run end to end, which is mostly waiting, the tools of the checks
# are installed and everything else is compiled.
test: lints $(LOCAL) $(SAM) ## Every check and every test (what CI runs)
	$(say) "Building Snapback (the first time about 10 minutes on two cores, later seconds)"
	cargo build --workspace
	$(say) "End to end: the template deployed to a local AWS that enforces IAM (some minutes)"
	@$(MAKE) --no-print-directory meanwhile > target/meanwhile.log 2>&1 & meanwhile=$$!; \
		target/venv/bin/python -m pytest -n 2 --dist loadfile tests/end_to_end \
			|| { { kill $$meanwhile; wait $$meanwhile || :; } 2> /dev/null; exit 1; }; \
		printf '\n── %s\n' "Waiting for the tools of the checks, and for the tests to be compiled"; \
		wait $$meanwhile || { cat target/meanwhile.log; exit 1; }
	@$(MAKE) --no-print-directory check
	$(say) "Tests of the workspace: what is decided, and what is kept equal to what"
	cargo test --workspace

# Another seed each time, which it prints: with it, the same faults meet Snapback again.
soak: rust $(LOCAL) $(SAM) ## 1,000 events on an adverse AWS, and nothing lost; EVENTS and SNAPBACK_ADVERSE_SEED choose others
	cargo build --workspace
	SNAPBACK_SOAK=$(or $(EVENTS),1000) SNAPBACK_ADVERSE_SEED=$${SNAPBACK_ADVERSE_SEED:-$$RANDOM} \
		target/venv/bin/python -m pytest tests/end_to_end/test_soak.py

# Six sorts of policies, so 100 seeds of 20,000 are 12 million, each held to all laws. What is done needs no doing again: SEED
# goes on from there.
laws: rust ## The laws of exposure for many random policies; POLICIES of each sort and seed, SEED to LAST
	tools/laws $(or $(POLICIES),20000) $(or $(SEED),1) $(or $(LAST),100)

meanwhile: $(CHECKOV) $(DENY)
	cargo test --workspace --no-run
	cargo clippy --workspace --all-targets

check: lints $(SAM) $(CHECKOV) $(DENY) ## Format, guardrails, lints, licences, template
	$(say) "Format"
	cargo fmt --all --check
	$(say) "Guardrails"
	cargo run --quiet --bin snapback -- guardrails check
	$(say) "Template: valid for SAM"
	target/venv-sam/bin/sam validate --lint
	$(say) "Template: valid for CloudFormation"
	target/venv-sam/bin/cfn-lint
	$(say) "Template: safe (what it leaves out and why stands in .checkov.yaml)"
	target/venv-check/bin/checkov --config-file .checkov.yaml
	$(say) "Dependencies: licences, banned crates, sources"
	target/tools/bin/cargo-deny check --hide-inclusion-graph bans licenses sources
	$(say) "Dependencies: known defects"
	@tools/advisories target/tools/bin/cargo-deny
	$(say) "Lints"
	cargo clippy --workspace --all-targets -- -D warnings

sam-local: rust $(LOCAL) $(SAM) ## `sam local invoke` with every sample event and a real revert; needs a Docker engine
	cargo build --workspace
	EVENTS='$(EVENTS)' target/venv/bin/python -m pytest tests/sam_local

bench-replay: rust $(LOCAL) ## How fast `snapback replay` is, also with --verify, beside inflating alone; RECORDS=10000000 is a year of a busy account
	cargo build --release --workspace --bin snapback --example inflate
	target/venv/bin/python benches/replay.py --records $(or $(RECORDS),1000000)

recording: rust $(LOCAL) $(SAM) $(RECORD) ## Record the demo as docs/demo.svg, and its mail as docs/notification.svg
	cargo build --workspace
	target/venv/bin/python local/record.py < /dev/null

advisories: rust $(DENY) ## Fetch the database of known defects from GitHub, and check against it
	target/tools/bin/cargo-deny check --hide-inclusion-graph advisories

# The functions are built without the command, whose features of crates they do not have either when they are deployed.
bench: rust $(LOCAL) $(SAM) $(BENCH) ## Measure it, beside boto3 and Cloud Custodian, on an AWS on this machine
	$(say) "Building Snapback's command (the first time about 10 minutes on two cores, later seconds)"
	cargo build --workspace
	$(say) "Building Snapback as it is deployed (the first time about half an hour on two cores)"
	cargo build --release $(patsubst functions/%,--package %,$(filter-out functions/all,$(wildcard functions/*)))
	$(say) "Measuring (about twenty minutes; whatever else runs disturbs it)"
	@target/venv/bin/python benches/bench.py $(OPTIONS)

bench-latencies: ## The same with what AWS takes for each call, for benches/latency.py's assumptions
	@$(MAKE) bench OPTIONS='--latencies'

bench-calls: rust $(LOCAL) $(SAM) $(BENCH) ## Count the calls and connections of each kind of event, with a debug build
	cargo build --workspace
	@target/venv/bin/python benches/bench.py --calls

bench-load: rust $(LOCAL) $(SAM) ## A storm of risky changes in many accounts at once, each reverted once; EVENTS=500 ACCOUNTS=20 is a small one
	cargo build --workspace
	$(say) "Building Snapback as it is deployed (the first time about half an hour on two cores)"
	cargo build --release $(patsubst functions/%,--package %,$(filter-out functions/all,$(wildcard functions/*)))
	@target/venv/bin/python benches/load.py --events $(or $(EVENTS),10000) --accounts $(or $(ACCOUNTS),100)

deploy: rust $(SAM) ## Build for Lambda and deploy or upgrade it in your AWS account; asks before it does anything
	PATH="$(CURDIR)/target/venv-sam/bin:$$PATH" target/venv-sam/bin/python tools/deploy.py --stack $(or $(STACK),snapback) \
		$(addprefix --region ,$(REGION)) $(PARAMETERS)

clean: ## Delete all that was built or installed here
	rm -rf target .aws-sam

rust:
	@command -v cargo > /dev/null || { echo "Rust is missing: https://rustup.rs" >&2; exit 1; }

lints: rust
	@cargo fmt --version > /dev/null && cargo clippy --version > /dev/null \
		|| { echo "rustfmt or clippy is missing: rustup component add rustfmt clippy" >&2; exit 1; }

python:
	@command -v python3 > /dev/null || { echo "Python 3 is missing. On Debian and Ubuntu: sudo apt install python3 python3-venv" >&2; exit 1; }
	@python3 -c 'import sys; sys.exit(sys.version_info < (3, 10))' \
		|| { echo "Python 3.10 or newer is needed; this is $$(python3 --version)." >&2; exit 1; }

$(LOCAL): local/requirements.txt | python
	@tools/venv $(@D) $<

$(SAM): local/requirements-sam.txt | python
	@tools/venv $(@D) $<

$(CHECKOV): tools/requirements-check.txt | python
	@tools/venv $(@D) $<

$(RECORD): tools/requirements-record.txt | python
	@tools/venv $(@D) $<

$(BENCH): benches/requirements.txt | python
	@tools/venv $(@D) $<

# It reads files and compares them, so it is built to be built quickly: its release profile would take many times as
# long for a check that takes seconds either way.
$(DENY): | rust
	$(say) "Building cargo-deny $(CARGO_DENY) (once, about 2 minutes on two cores)"
	CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 CARGO_PROFILE_RELEASE_OPT_LEVEL=0 \
		cargo install --locked --version $(CARGO_DENY) --root target/tools cargo-deny
	@touch $@
