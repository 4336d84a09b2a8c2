#!/usr/bin/env bash
# Measures the relay: bench/run.sh [latency] [own] [burst] [saturation] [reuse] [gate] [tools] [admission] [refusals] [keys] [fleet] [strip] [fetch] [readers] [tokens] [streams] [rate]. About fourteen minutes for all; [fleet] needs a redis-server on PATH, [readers] chromium.
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../bin/lib.sh"
require_dotnet
claude=$(pinned_claude)
CLAUDE_RELAY_TEST_CONVERTERS=$(pinned_converters)
export CLAUDE_RELAY_TEST_CONVERTERS
build_all
dotnet "$ARTIFACTS/bin/Relay.Bench/release/Relay.Bench.dll" "$claude" "$@"
