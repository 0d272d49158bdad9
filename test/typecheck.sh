#!/usr/bin/env bash
# Type-checks every package; prints one line each, fails if one fails or none was seen.
set -uo pipefail
cd "$(dirname "$0")/.."
seen=0 failed=0
for config in services/*/tsconfig.json test/tsconfig.json; do
  seen=$((seen + 1))
  pnpm exec tsc -p "$config" || { failed=$((failed + 1)); echo "types: $config failed" >&2; }
done
[ "$seen" -gt 10 ] || { echo "types: only $seen packages seen" >&2; exit 1; }
echo "types: $((seen - failed)) of $seen packages are clean"
[ "$failed" -eq 0 ]
