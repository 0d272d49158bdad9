# Sallyport: what a contributor types. `make help` lists it.
SHELL := /bin/bash
.DEFAULT_GOAL := help

NODE_VERSION := 24
PNPM_VERSION := 12
LITELLM_VERSION := 1.106.2
MCP_SERVERS_VERSION := 2026.8.31
MCP_INSPECTOR_VERSION := 2.12.0
MCP_PYTHON_VERSION := 2.3.0
MCP_PYTHON_OLDER_VERSION := 1.30.0
FASTAPI_VERSION := 0.165.0
TOOLS := $(CURDIR)/.tools
export PATH := $(TOOLS)/node_modules/.bin:$(PATH)
CLUSTER ?= ../shared/cluster/cluster
PORT ?= 4180
DATA ?= .sallyport
RESOURCES ?= deploy/local
IMAGE ?= localhost/sallyport:dev
# Services are started some hundred times; with one compile cache for all of them each start costs half.
JEST := NODE_COMPILE_CACHE=$(CURDIR)/node_modules/.cache/compile pnpm --silent jest --reporters=default --reporters=./test/support/tally-reporter.cjs

.PHONY: help setup dev test unit architecture integration resources chart cluster-test generate verify lint typecheck images security security-sample keycloak-test litellm-test tools-test conformance bench clean

help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  %-14s %s\n", $$1, $$2}'

$(TOOLS)/.node: Makefile
	@npm install --prefix $(TOOLS) --no-audit --no-fund --loglevel=error node@$(NODE_VERSION) pnpm@$(PNPM_VERSION)
	@touch $@

node_modules/.installed: $(TOOLS)/.node pnpm-lock.yaml pnpm-workspace.yaml
	@pnpm install --frozen-lockfile --reporter=append-only
	@touch $@

setup: node_modules/.installed ## put Node 24, pnpm and all packages in place

dev: setup ## run the whole suite here: make dev [PORT=4180] [DATA=.sallyport] [RESOURCES=deploy/local]
	@exec node services/cli/src/main.ts dev --port $(PORT) --data $(DATA) --resources $(RESOURCES)

test: setup ## lint, types, and every test that needs no cluster
	@test/run-all.sh lint typecheck unit architecture integration security-sample resources chart

unit: setup ## tests beside the source
	@$(JEST) --selectProjects unit $(if $(FILES),--runInBand) $(FILES)

architecture: setup ## import directions, file sizes, names, requirements
	@$(JEST) --selectProjects architecture

integration: setup ## the suite as real processes with real Postgres and Redis
	@$(JEST) --selectProjects integration $(if $(FILES),--runInBand) $(FILES)

resources: setup ## CRDs and controllers against a real API server
	@CLUSTER=$(CLUSTER) $(JEST) --selectProjects resources --runInBand $(FILES)

chart: setup ## render and check the Helm chart
	@CLUSTER=$(CLUSTER) $(JEST) --selectProjects chart --runInBand

cluster-test: setup ## Helm install, kubectl apply and SDK calls on a real cluster
	@CLUSTER=$(CLUSTER) test/cluster/run.sh

generate: setup ## proto code, types of providers, CRDs, chart schema and chart README, the table of features
	@pnpm exec buf format -w proto
	@cd proto && ../node_modules/.bin/buf generate
	@node services/model-proxy/src/providers/render-types.ts
	@node services/custom-resources/src/render-crds.ts
	@node test/chart/render-values-schema.ts
	@node services/model-proxy/src/features/render-features.ts
	@node services/model-proxy/src/features/render-providers.ts

verify: generate ## regenerate everything generated and fail if anything differs
	@git diff --exit-code -- proto charts deploy services/custom-resources/src/provider-types.ts README.md || (echo "generated files differ: commit the result of make generate" >&2; exit 1)
	@test -z "$$(git ls-files --others --exclude-standard proto charts deploy)" || (echo "generated files are not checked in" >&2; exit 1)

lint: setup ## Biome, buf
	@pnpm exec biome check --error-on-warnings .
	@cd proto && ../node_modules/.bin/buf lint .

typecheck: setup ## every package with tsc
	@test/typecheck.sh

images: ## build the one image for all services: make images [IMAGE=…]
	@$(CLUSTER) base
	@$(CLUSTER) build $(IMAGE) . -f deploy/Dockerfile --layers --build-arg BASE=localhost/node:24

security-sample: setup ## a few tasks of each suite, as the gate runs them
	@$(JEST) --selectProjects security --runInBand

security: setup ## hold the gate with its shipped policies against AgentDojo: make security [SUITES=banking,slack] [FLAGS="--limit 5"]
	@node test/security/run.ts $(if $(SUITES),--suites $(SUITES)) $(FLAGS)

keycloak-test: setup ## the suite with a real Keycloak, where there is Java and Maven
	@$(JEST) --selectProjects keycloak --runInBand $(FILES)

# A development peer: nothing of it is part of Sallyport. Where it cannot be had the tests say that they are skipped.
$(TOOLS)/.litellm: Makefile
	@mkdir -p $(TOOLS)
	@if python3 -m venv $(TOOLS)/litellm && $(TOOLS)/litellm/bin/pip install --quiet 'litellm[proxy]==$(LITELLM_VERSION)'; then touch $@; \
		else echo "litellm $(LITELLM_VERSION) could not be installed: it needs python3 with venv and pip" >&2; fi

litellm-test: setup $(TOOLS)/.litellm ## a real LiteLLM proxy as upstream, and beside what was imported of its config
	@$(JEST) --selectProjects litellm --runInBand $(FILES)

# Real tool servers and clients from npm and PyPI. What cannot be had the tests say that they skip.
$(TOOLS)/.mcp: Makefile $(TOOLS)/.node
	@npm install --prefix $(TOOLS)/mcp --no-audit --no-fund --loglevel=error \
		$(addprefix @modelcontextprotocol/server-,$(addsuffix @$(MCP_SERVERS_VERSION),everything filesystem memory)) \
		@modelcontextprotocol/inspector@$(MCP_INSPECTOR_VERSION) || echo "no tool servers from npm" >&2
	@python3 -m venv $(TOOLS)/mcp-python && $(TOOLS)/mcp-python/bin/pip install --quiet mcp==$(MCP_PYTHON_VERSION) fastapi==$(FASTAPI_VERSION) \
		|| { rm -rf $(TOOLS)/mcp-python; echo "no tool servers from PyPI: they need python3 with venv and pip" >&2; }
	@python3 -m venv $(TOOLS)/mcp-python-1 && $(TOOLS)/mcp-python-1/bin/pip install --quiet mcp==$(MCP_PYTHON_OLDER_VERSION) \
		|| { rm -rf $(TOOLS)/mcp-python-1; echo "no older tool server from PyPI" >&2; }
	@touch $@

tools-test: setup $(TOOLS)/.mcp ## real tool servers and MCP clients, ten thousand calls of fifty people, brokers killed: make tools-test [CALLS=n] [KILLS=n] [SEED=n]
	@$(JEST) --selectProjects tools --runInBand $(FILES)
	@CALLS=$(or $(CALLS),10000) KILLS=$(or $(KILLS),20) $(if $(SEED),SEED=$(SEED)) $(JEST) --selectProjects integration --runInBand test/integration/tool-plane.test.ts

$(TOOLS)/.conformance: $(TOOLS)/.node
	@npm install --prefix $(TOOLS)/conformance --no-audit --no-fund --loglevel=error @modelcontextprotocol/conformance@0.2.0-alpha.12
	@touch $@

conformance: setup $(TOOLS)/.conformance ## the MCP conformance suite against us as server, client and authorization server: make conformance [SCENARIO=served|exact|client|authorization|…]
	@node test/conformance/run.ts $(SCENARIO)

bench: setup ## CPU a request beside a bare proxy and Portkey, and more; writes test/load/results.json: make bench [NAMES="chat stream"] [FLAGS=--quick]
	@node test/load/bench.ts $(FLAGS) $(NAMES)

clean: ## remove what was installed and built
	@rm -rf node_modules .tools services/*/node_modules services/*/dist proto/node_modules test/node_modules
