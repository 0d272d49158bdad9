#!/usr/bin/env bash
# Runs the named make targets one after the other, all of them even when one fails, and ends with one line `N passed, N failed[, N skipped]`.
# Jest projects count each test; a target without tests (lint, typecheck) counts as one.
# Test files that failed and that wait for processes, sockets, files or timers run a second time, once, by themselves: the
# second result counts, and what passed only then is named as flaky at the end, since it is a fault to find, not one to overlook.
set -uo pipefail
cd "$(dirname "$0")/.."
tally=$(mktemp -d)
trap 'rm -rf "$tally"' EXIT
passed=0 failed=0 skipped=0
flaky=()
for target in "$@"; do
  echo "== $target"
  start=$SECONDS
  SALLYPORT_TALLY="$tally/$target" make --no-print-directory "$target"
  code=$?
  echo "== $target: exit $code, $((SECONDS - start)) s"
  if [ -s "$tally/$target" ]; then
    read -r p f s <"$tally/$target"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    if [ "$code" -ne 0 ] && [ "$f" -eq 0 ]; then failed=$((failed + 1)); fi
    if [ "$f" -gt 0 ] && [ -s "$tally/$target.failed" ] && [[ " unit integration security-sample resources cluster-test " == *" $target "* ]]; then
      files=()
      while read -r p f s file; do
        files+=("$file")
        passed=$((passed - p)) failed=$((failed - f)) skipped=$((skipped - s))
      done <"$tally/$target.failed"
      echo "== $target once more: ${files[*]}"
      SALLYPORT_TALLY="$tally/$target.again" make --no-print-directory "$target" FILES="${files[*]}"
      if read -r p f s <"$tally/$target.again"; then
        passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
        if [ "$f" -eq 0 ]; then flaky+=("${files[@]}"); fi
      else
        failed=$((failed + 1))
      fi
    fi
  elif [ "$code" -eq 0 ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
  fi
done
for file in ${flaky[@]+"${flaky[@]}"}; do echo "flaky: $file failed at first and passed by itself"; done
if [ "$skipped" -gt 0 ]; then echo "$passed passed, $failed failed, $skipped skipped"; else echo "$passed passed, $failed failed"; fi
[ "$failed" -eq 0 ] && [ "$passed" -gt 0 ]
