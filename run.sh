#!/usr/bin/env bash
# Builds and starts the relay in the foreground. See --help.
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/bin/lib.sh"

usage() {
  cat >&2 <<'EOF'
usage: ./run.sh [--name value ...]   start the relay on 127.0.0.1:8799; Ctrl-C stops it
       ./run.sh --demo               try it without a Claude account

Settings go as --port 8800 or --warm-processes=0, into the environment (PORT=8800), or into config.env in RELAY_HOME
(~/.local/share/claude-relay), where the first start writes them all down.
EOF
}

relay() {
  # No diagnostics port: nobody attaches to a process that holds prompts.
  export DOTNET_EnableDiagnostics=0
  exec dotnet "$ARTIFACTS/bin/Relay.Api/release/Relay.Api.dll" "$@"
}

# Not local: the trap that ends them runs when the function is over.
demo_relay='' demo_simulator='' demo_scratch=''

end_demo() {
  # One that has ended already must not keep the others from being ended.
  set +e
  trap - EXIT
  trap '' INT TERM
  kill $demo_relay 2>/dev/null
  wait $demo_relay 2>/dev/null
  kill $demo_simulator 2>/dev/null
  wait 2>/dev/null
  rm -rf "$demo_scratch"
}

demo() {
  build_relay
  build_relayctl
  build simulator tests/Relay.AnthropicSimulator/Relay.AnthropicSimulator.csproj -- tests/Relay.AnthropicSimulator
  local claude scratch url api key port=${PORT:-8799}
  claude=${CLAUDE_BIN:-$(command -v claude || true)}
  claude=${claude:-$(pinned_claude)}
  scratch=$(mktemp -d)
  demo_scratch=$scratch
  trap end_demo EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM

  dotnet "$ARTIFACTS/bin/Relay.AnthropicSimulator/release/Relay.AnthropicSimulator.dll" >"$scratch/simulator.log" 2>&1 &
  demo_simulator=$!
  api=$(wait_for "$scratch/simulator.log" 's/^listening on //p') || die "The simulated API did not start: $(cat "$scratch/simulator.log")"
  say "Simulated Anthropic API: $api"

  # A home, credentials and a login that have nothing to do with yours.
  env -u CLAUDE_CODE_OAUTH_TOKEN RELAY_HOME="$scratch/home" CLAUDE_BIN="$claude" CLAUDE_AUTH=api-key ANTHROPIC_API_KEY=demo-key-that-opens-nothing \
    CLAUDE_BASE_URL="$api" HOST=127.0.0.1 PORT="$port" LOG_FORMAT=text LOG_LEVEL=information DOTNET_EnableDiagnostics=0 \
    dotnet "$ARTIFACTS/bin/Relay.Api/release/Relay.Api.dll" >"$scratch/relay.log" 2>&1 &
  demo_relay=$!
  url=$(wait_for "$scratch/relay.log" 's/.*listens on \["\([^"]*\)"\].*/\1/p') || die "The relay did not start: $(cat "$scratch/relay.log")"
  key=$(RELAY_HOME="$scratch/home" relayctl keys add demo 2>"$scratch/relayctl.log") || die "No key could be minted: $(cat "$scratch/relayctl.log")"
  wait_for "$scratch/relay.log" 's/.*passed the lockdown self-test.*/ready/p' >/dev/null || die "The relay did not become ready: $(cat "$scratch/relay.log")"
  wait_for "$scratch/relay.log" 's/.*1 keys in force.*/ready/p' >/dev/null || die "The relay did not see its key: $(cat "$scratch/relay.log")"

  say ""
  say "A completion through the real Claude Code, locked down, with a simulated model behind it:"
  say ""
  say "  curl $url/v1/complete \\"
  say "    -H 'Authorization: Bearer $key' \\"
  say "    -H 'Content-Type: application/json' \\"
  say "    -d '{\"prompt\":\"Say hello.\"}'"
  say ""
  curl -sS --fail-with-body --max-time 60 "$url/v1/complete" -H "Authorization: Bearer $key" -H 'Content-Type: application/json' -d '{"prompt":"Say hello."}' ||
    die "The completion failed; the relay's log: $(cat "$scratch/relay.log")"
  printf '\n'
  say ""
  say "The relay stays up; Ctrl-C stops it. Its log:"
  tail -n +1 -f --pid "$demo_relay" "$scratch/relay.log" >&2 &
  wait "$demo_relay"
}

# wait_for FILE SED-SCRIPT: the first line the script prints of the file, within 20 s.
wait_for() {
  local found
  for _ in $(seq 200); do
    found=$(sed -n "$2" "$1" | head -n 1)
    if [ -n "$found" ]; then
      printf '%s\n' "$found"
      return 0
    fi
    sleep 0.1
  done
  return 1
}

case ${1:-} in
  -h | --help) usage ;;
  --demo)
    require_dotnet
    demo
    ;;
  *)
    require_dotnet
    build_relay
    build_relayctl
    relay "$@"
    ;;
esac
