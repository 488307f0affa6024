# Everything a developer runs. `make` alone lists the targets.
#
# Needed on the machine: make, and Python 3.11 or newer with venv. `make PYTHON=/path/to/python3 setup`
# chooses the interpreter.

.DEFAULT_GOAL := help
.PHONY: help setup run demo bench simulate faults test lint format proto lock clean \
	schema-check schema-report schema-golden schema-release

VENV := .venv/bin

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# An interpreter found by name may still not work (a pyenv shim of a version that is not active), so each
# is asked. The environment's own comes first: once made, it stays until the lock or PYTHON says otherwise.
setup: ## make .venv and install requirements.lock, if anything changed
	@for python in $(or $(PYTHON),$(VENV)/python python3.13 python3.12 python3.11 python3); do \
		if $$python -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; \
		then exec $$python -m dev.setup; fi; \
	done; \
	echo "Prism needs Python 3.11 or newer with venv (Debian, Ubuntu: apt-get install python3-venv)."; \
	echo "If it is installed elsewhere: make PYTHON=/path/to/python3 setup"; exit 1

run: setup ## start everything, print the addresses, stop on Ctrl-C
	@$(VENV)/python -m dev.run

demo: setup ## go shopping on a private stack and print the journey
	@$(VENV)/python -m dev.demo

bench: setup ## measure a private stack: commands a second, latency, storage calls, memory
	@$(VENV)/python -m dev.bench $(ARGS)

simulate: setup ## the shop under faults, by seeds; SEEDS=0:2000 (or 17), ARGS=--mutants (docs/simulation.md)
	@$(VENV)/python -m dev.simulation $${SEEDS:+--seeds "$$SEEDS"} $(ARGS)

faults: setup ## real stacks on both engines under load and faults; ARGS="--seconds 300 --engine azurite" (docs/faults.md)
	@$(VENV)/python -m dev.faults $(ARGS)

test: lint ## lint and run every test; ARGS="-k cart" chooses
	$(VENV)/python -m pytest $(ARGS)

lint: setup ## formatting, lint, types, contracts, and that generated/ is what proto/ gives
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .
	$(VENV)/python -m mypy
	$(VENV)/python -m dev.protos --check
	$(VENV)/python -m dev.schema check

format: setup ## format and fix what can be fixed
	$(VENV)/ruff format .
	$(VENV)/ruff check --fix .

proto: setup ## rebuild generated/ from proto/
	$(VENV)/python -m dev.protos

schema-check: setup ## may the contracts be released after those of the last release? (docs/schema.md)
	@$(VENV)/python -m dev.schema check

# BASE is read by the shell, which takes nothing in it for a command.
schema-report: setup ## what changed in the contracts, in Markdown; BASE=<git ref, folder or image>, default the release
	@$(VENV)/python -m dev.schema report --base "$${BASE:-}"

schema-golden: setup ## write the golden bytes of events that have none yet
	@$(VENV)/python -m dev.schema golden

schema-release: setup ## check, then freeze the contracts in schema/; VERSION=1.2.0
	@$(VENV)/python -m dev.schema release "$(VERSION)"

# Indexes and folders that this machine is configured with are not recorded: a lock serves everybody.
lock: setup ## rebuild requirements.lock from pyproject.toml; ARGS=--upgrade takes newer versions
	UV_CUSTOM_COMPILE_COMMAND="make lock" $(VENV)/uv pip compile pyproject.toml --all-extras --universal \
		--python-version 3.11 --no-emit-index-url --no-emit-find-links --no-annotate --quiet $(ARGS) \
		-o requirements.lock
	@$(MAKE) --no-print-directory setup

clean: ## remove .venv, caches and the data of `make run`
	rm -rf .venv .mypy_cache .pytest_cache .ruff_cache .hypothesis build var
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
