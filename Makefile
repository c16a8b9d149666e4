# SPDX-FileCopyrightText: 2026 podnet.lab contributors
# SPDX-License-Identifier: GPL-3.0-or-later

.DEFAULT_GOAL := help
.PHONY: help setup demo clean test test-bare test-cluster test-unit test-sanity test-matrix test-integration molecule lint bench format docs

python := .venv/bin/python

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## three nodes on this machine, a pod network on them, the first report
	@tools/setup
	@tools/demo

clean: ## take away all that demo and the tests left on this machine
	@tools/clean

setup: ## what the playbooks need, in .venv (demo does this by itself)
	@tools/setup

test: ## all tests; installs what it needs, takes some minutes; ALSO="bare cluster" runs these groups beside them
	@tools/setup --tests
	@$(python) -m tests.runner $(if $(ALSO),--also $(ALSO))

test-cluster: ## a real Kubernetes cluster on this machine (root; builds it first, ten minutes; or BUNDLE=FOLDER)
	@tools/setup --tests
	@$(if $(BUNDLE),PODNET_CLUSTER_BUNDLE=$(abspath $(BUNDLE)) )$(python) -m tests.runner cluster

test-bare: ## make demo and make clean on a bare Debian 12 and 13 (root or sudo)
	@tools/setup --tests
	@$(python) -m tests.runner bare

test-unit: ## unit tests only, no root needed
	@tools/setup --tests
	@$(python) -m tests.runner unit

test-sanity: ## ansible-test sanity and units, on the oldest and the newest ansible-core and Python found here
	@tools/setup --tests
	@$(python) -m tests.runner sanity units

test-matrix: ## the same on every ansible-core and Python found here, as before a release
	@tools/setup --tests
	@$(python) -m tests.runner sanity units matrix

test-integration: ## tests on real network namespaces and light nodes (root)
	@tools/setup --tests
	@$(python) -m tests.runner integration

molecule: ## the molecule scenario (root)
	@tools/setup --tests
	@$(python) -m tests.runner molecule

lint: ## linters, types, licences, documentation, the built collection
	@tools/setup --tests
	@$(python) -m tests.runner lint build

format: ## let ruff lay out the Python files
	@tools/setup --tests
	@.venv/bin/ruff format .
	@.venv/bin/ruff check --fix .

bench: ## the benchmarks: how fast a node is read, how large facts are, what playbooks and networks take (root)
	@tools/setup --tests
	@for script in run churn payload facts_size task_time setup_task inspect_playbook lab probe_pairs fleet verify_plan verify_fleet ways paths; do \
		echo "== tests/benchmark/$$script.py"; $(python) tests/benchmark/$$script.py || echo "   a target was missed"; \
	done

docs: ## the site in build/site, with a page for each module, from the guides and the modules' own documentation
	@tools/setup --tests
	@tools/docs
