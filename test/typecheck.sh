#!/usr/bin/env bash
# Type-checks the whole workspace as one program; fails if it saw too few files of ours.
set -uo pipefail
cd "$(dirname "$0")/.."
output=$(pnpm exec tsc -p services/tsconfig.json --listFiles)
code=$?
grep -v "^$PWD/\|^/.*node_modules" <<<"$output" | grep -E 'error|^ ' >&2
seen=$(grep -c "^$PWD/\(services\|test\)/.*\.ts$" <<<"$output")
[ "$seen" -gt 300 ] || { echo "types: only $seen files seen" >&2; exit 1; }
echo "types: $seen files seen, exit $code"
exit "$code"
