#!/usr/bin/env bash
# Installs what the tests need and runs them; the last line is "N passed, N failed".
#   ./test.sh          every kind of test, those that are long by nature with a sample: five minutes on two cores
#   ./test.sh --fast   what needs neither root nor a download: a minute
#   ./test.sh --all    every test, as CI runs them: about 20 minutes on two cores
#   ./test.sh --long   every test, with crash, load and fuzz tests at full length: an hour
#   ./test.sh -- ARGS  the tests that these arguments of the test runner choose, e.g. -- -class '*LockdownTests'
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/bin/lib.sh"

extent=default
case ${1:-} in
  --fast | --all | --long)
    extent=${1#--}
    shift
    ;;
esac
case ${1:-} in
  '') ;;
  --) shift ;;
  *)
    say "'$1' is no argument of test.sh. Arguments of the test runner come after '--'."
    exit 64
    ;;
esac
case $extent in
  all) export RELAY_TEST_ALL=1 ;;
  long) export RELAY_TEST_ALL=1 RELAY_TEST_LONG=1 ;;
esac

# Arguments of the test runner choose the tests themselves.
of_unit=() of_end_to_end=()
if [ $# = 0 ]; then
  case $extent in
    # The tests of the shared state start a redis-server, and those of the jail bubblewrap: both have to be installed.
    fast)
      of_unit=(-trait- Extent=all -namespace- Relay.UnitTests.Redis -class- Relay.UnitTests.Infrastructure.Pdf.PdfJailTests)
      of_end_to_end=(-trait Extent=fast)
      ;;
    default) of_unit=(-trait- Extent=all) of_end_to_end=(-trait- Extent=all) ;;
  esac
fi

# What the tests need besides the SDK: Claude Code, other programs, and the relay as it is published.
install_tools() {
  CLAUDE_RELAY_TEST_CLAUDE=$(pinned_claude)
  export CLAUDE_RELAY_TEST_CLAUDE
  CLAUDE_RELAY_TEST_SDKS=$(pinned_sdks)
  export CLAUDE_RELAY_TEST_SDKS
  CLAUDE_RELAY_TEST_PROMETHEUS=$(pinned_prometheus)
  export CLAUDE_RELAY_TEST_PROMETHEUS
  CLAUDE_RELAY_TEST_BROWSER=$(pinned_browser_tools)
  export CLAUDE_RELAY_TEST_BROWSER
  CLAUDE_RELAY_TEST_CONVERTERS=$(pinned_converters)
  export CLAUDE_RELAY_TEST_CONVERTERS

  # The jail, where this machine lets us install it. Without it the jailed half of the lockdown tests fails, and says why.
  # And what the tests of /v1/fetch need: networks of their own, and the ICU that one of them compares the relay's reading with.
  # And the browser that the dashboard is tested in; what a backup is made with; a systemd of one user for install.sh; and the proxies of deploy/proxy.
  missing=()
  install_missing() { RUNLEVEL=1 apt-get install -y -qq --no-install-recommends "${missing[@]}"; }
  command -v bwrap >/dev/null || missing+=(bubblewrap)
  command -v ip >/dev/null || missing+=(iproute2)
  command -v sqlite3 >/dev/null || missing+=(sqlite3)
  command -v chromium >/dev/null || missing+=(chromium)
  [ -x /lib/systemd/systemd ] || missing+=(systemd)
  [ -e /usr/lib/systemd/user/dbus.socket ] || missing+=(dbus-user-session)
  command -v nginx >/dev/null || missing+=(nginx-light)
  command -v caddy >/dev/null || missing+=(caddy)
  { ldconfig -p 2>/dev/null || true; } | grep -q libicuuc || missing+=(libicu-dev)
  # What several relays share, and the balancer in front of them. The system's own services are not used, nor started.
  command -v redis-server >/dev/null || missing+=(redis-server)
  command -v haproxy >/dev/null || missing+=(haproxy)
  # The linker for the fake Claude Code.
  command -v gcc >/dev/null || command -v clang >/dev/null || missing+=(gcc libc6-dev)
  if [ "${#missing[@]}" != 0 ] && [ "$(uname -s)" = Linux ] && command -v apt-get >/dev/null && [ "$(id -u)" = 0 ]; then
    say "Installing ${missing[*]} ..."
    if ! { install_missing || { apt-get update -qq && install_missing; }; } >"$TOOLS/apt.log" 2>&1; then
      say "apt could not install ${missing[*]}; see $TOOLS/apt.log."
    fi
  fi
}

require_dotnet
# Compiled while the tools are downloaded; whichever fails, this ends when both have ended.
{ build_all && { [ "$extent" = fast ] || "$ROOT/deploy/publish.sh" >/dev/null; }; } &
building=$!
trap 'wait' EXIT
if [ "$extent" != fast ]; then install_tools; fi
wait "$building"
CLAUDE_RELAY_TEST_FAKE_CLAUDE=$(native_fake_claude)
export CLAUDE_RELAY_TEST_FAKE_CLAUDE
passed=0 failed=0 names=''
if [ "$extent" != fast ] && [ $# = 0 ]; then
  say "Checking the format of the code ..."
  if ! { (cd "$ROOT" && dotnet tool restore && dotnet csharpier check src tests clients bench) >"$ARTIFACTS/format.log" 2>&1; }; then
    grep Error "$ARTIFACTS/format.log" >&2 || tail -n 5 "$ARTIFACTS/format.log" >&2
    say "Some files are not formatted. Run 'dotnet tool restore && dotnet csharpier format src tests clients bench'."
    failed=1
  else
    passed=1
  fi
fi
for suite in Relay.UnitTests Relay.EndToEndTests; do
  if [ "$suite" = Relay.UnitTests ]; then chosen=("$@" ${of_unit[@]+"${of_unit[@]}"}); else chosen=("$@" ${of_end_to_end[@]+"${of_end_to_end[@]}"}); fi
  log=$ARTIFACTS/$suite.test.log
  say "Running $suite ..."
  status=0
  "$ARTIFACTS/bin/$suite/release/$suite" -noColor -noLogo ${chosen[@]+"${chosen[@]}"} 2>&1 | tee "$log" || status=$?
  # The runner's own summary: "Total: 12, Errors: 0, Failed: 1, Skipped: 0, ...".
  summary=$(grep -o 'Total: [0-9]*, Errors: [0-9]*, Failed: [0-9]*, Skipped: [0-9]*' "$log" | tail -n 1 || true)
  if [ -z "$summary" ]; then
    say "$suite ended with $status and without a summary."
    failed=$((failed + 1))
    continue
  fi
  read -r total errors wrong skipped < <(printf '%s\n' "$summary" | tr -dc '0-9 \n' | xargs)
  wrong=$((errors + wrong + skipped))
  # A runner that fails without a failed test has failed all the same.
  if [ "$status" != 0 ] && [ "$wrong" = 0 ]; then wrong=1; fi
  failed=$((failed + wrong))
  # Shown again at the end: what tests print is long, and CI keeps the end.
  names+=$(grep -F '[FAIL]' "$log" || true)$'\n'
  passed=$((passed + total - (wrong < total ? wrong : total)))
done

printf '%s' "$names" | sed '/^$/d'
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" -gt 0 ]
