#!/usr/bin/env bash
# Installs what the tests need and runs them all; the last line is "N passed, N failed".
#   ./test.sh          everything, with shortened crash, load and fuzz tests
#   ./test.sh --all    those at full length
#   ./test.sh -- ARGS  further arguments for the test runner, e.g. -- --filter-class '*Lockdown*'
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/bin/lib.sh"

if [ "${1:-}" = --all ]; then
  export RELAY_TEST_ALL=1
  shift
fi
[ "${1:-}" = -- ] && shift

require_dotnet
CLAUDE_RELAY_TEST_CLAUDE=$(pinned_claude)
export CLAUDE_RELAY_TEST_CLAUDE

# The jail, where this machine lets us install it. Without it the jailed half of the lockdown tests fails, and says why.
if [ "$(uname -s)" = Linux ] && ! command -v bwrap >/dev/null && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
  say "Installing bubblewrap ..."
  if ! { apt-get install -y -qq bubblewrap || { apt-get update -qq && apt-get install -y -qq bubblewrap; }; } >"$TOOLS/apt.log" 2>&1; then
    say "apt could not install bubblewrap; see $TOOLS/apt.log."
  fi
fi

build_all
passed=0 failed=0 broken=0
for suite in Relay.UnitTests Relay.EndToEndTests; do
  log=$ARTIFACTS/$suite.test.log
  say "Running $suite ..."
  status=0
  "$ARTIFACTS/bin/$suite/release/$suite" --no-ansi --no-progress --output Normal "$@" 2>&1 | tee "$log" || status=$?
  # The runner's own summary: "  succeeded: 12" and "  failed: 0".
  passed=$((passed + $(sed -n 's/^ *succeeded: \([0-9]*\)$/\1/p' "$log" | tail -n 1 | grep . || echo 0)))
  failed=$((failed + $(sed -n 's/^ *failed: \([0-9]*\)$/\1/p' "$log" | tail -n 1 | grep . || echo 0)))
  # A runner that died counted nothing: that is a failure of its own.
  if [ "$status" != 0 ] && ! grep -q '^ *failed: [1-9]' "$log"; then broken=1; fi
done

failed=$((failed + broken))
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
