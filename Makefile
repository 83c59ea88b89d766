# Trunkline: the few commands there are. All logic is in scripts/ and xtask/.

.PHONY: help run test bench lint fuzz api docs fmt clean

help: ## List these commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Set up what is missing and start Trunkline for development
	@scripts/setup run
	@exec cargo run --quiet --release -p trunkline -- dev

test: ## Set up what is missing and run every test, real peers included
	@scripts/setup test
	@scripts/test

bench: ## Measure, beside the limits of this machine
	@scripts/setup bench
	@scripts/with-postgres cargo run --quiet --release -p xtask -- bench

lint: ## Format check, clippy, tidy, licences and advisories
	@scripts/setup lint
	@scripts/lint

fuzz: ## Run the fuzz targets under libFuzzer for a minute (TARGET=all SECONDS=60)
	@scripts/fuzz $(or $(TARGET),all) $(or $(SECONDS),60)

api: ## Ask everything in our OpenAPI document at random for two minutes: no 5xx
	@scripts/api 120

docs: ## Build the book of docs/ into target/book
	@scripts/docs

fmt: ## Format the sources
	@cargo fmt --all

clean: ## Remove what was built
	@cargo clean
