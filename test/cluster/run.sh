#!/usr/bin/env bash
# The chart on a real cluster: brings one up with $CLUSTER (and down again if it was not up before), builds the images, runs
# the jest project `cluster`. Without $CLUSTER, KUBECONFIG together with SALLYPORT_IMAGE and SALLYPORT_ENDPOINT names a
# cluster that can pull the image. With neither, all tests are reported as skipped.
set -euo pipefail
cd "$(dirname "$0")/../.."
cluster=${CLUSTER:-../shared/cluster/cluster}
started=0 volumes=
jest() { pnpm --silent jest --selectProjects cluster --runInBand --reporters=default --reporters=./test/support/tally-reporter.cjs "$@"; }

finish() {
  code=$?
  if [ "$started" = 1 ]; then echo "taking the cluster down"; "$cluster" down >/dev/null 2>&1 || true; fi
  if [ -n "$volumes" ]; then rm -rf "$volumes"; fi
  exit $code
}

if [ -x "$cluster" ]; then
  trap finish EXIT
  eval "$("$cluster" env)"
  if ! kubectl get --raw /readyz >/dev/null 2>&1; then
    started=1
    "$cluster" up
  fi
  clock=$SECONDS
  log=$(mktemp)
  build() { "$cluster" build "$@" --layers --build-arg BASE=localhost/node:24 >"$log" 2>&1 || { tail -40 "$log"; exit 1; }; }
  "$cluster" base >"$log" 2>&1 || { tail -40 "$log"; exit 1; }
  build localhost/sallyport:cluster-test . -f deploy/Dockerfile
  build localhost/sallyport-postgres:cluster-test deploy/trial -f deploy/trial/postgres.Dockerfile
  everything=$(sed -n "s#^  '@modelcontextprotocol/server-everything': *##p" pnpm-workspace.yaml)
  python=$(sed -n 's/^MCP_PYTHON_VERSION := *//p' Makefile)
  build localhost/sallyport-hosted:cluster-test test/cluster/hosted -f test/cluster/hosted/Dockerfile \
    --build-arg "VERSION=$everything" --build-arg "PYTHON_VERSION=$python"
  rm -f "$log"
  echo "images built in $((SECONDS - clock)) s"
  volumes=$(mktemp -d /var/tmp/sallyport-volumes.XXXXXX)
  chmod 755 "$volumes"
  for claim in spool-sallyport-model-proxy-0 spool-sallyport-mcp-broker-0; do install -d -m 700 -o 65532 -g 65532 "$volumes/$claim"; done
  export SALLYPORT_IMAGE=localhost/sallyport:cluster-test SALLYPORT_POSTGRES_IMAGE=localhost/sallyport-postgres:cluster-test
  export SALLYPORT_HOSTED_IMAGE=localhost/sallyport-hosted:cluster-test
  export SALLYPORT_ENDPOINT=http://127.0.0.1:${INGRESS_PORT:-8080} SALLYPORT_VOLUMES=$volumes
  jest
elif [ -n "${KUBECONFIG:-}" ] && [ -n "${SALLYPORT_IMAGE:-}" ] && [ -n "${SALLYPORT_ENDPOINT:-}" ]; then
  jest
else
  unset KUBECONFIG
  echo "no cluster: neither $cluster nor KUBECONFIG with SALLYPORT_IMAGE and SALLYPORT_ENDPOINT; the tests are skipped and counted"
  jest
fi
