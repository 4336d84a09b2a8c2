#!/usr/bin/env bash
# Removes what install.sh installed. See --help.
set -euo pipefail
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$HERE/deploy/install-lib.sh"

usage() {
  cat <<'TEXT'
usage: ./uninstall.sh [--purge]

Stops claude-relay and removes its service, its commands and its program. Keys, settings, usage, the audit log and the relay's own
login stay in RELAY_HOME, so that a later install goes on with them.

  --purge   those, too. There is no way back

Exit codes: 0 it is gone; 1 it failed, and says why; 64 wrong usage
TEXT
}

purge=no
case ${1:-} in
  '') ;;
  -h | --help)
    usage
    exit 0
    ;;
  --purge) purge=yes ;;
  *)
    say "There is no option '$1'. ./uninstall.sh --help shows how it is used."
    exit 64
    ;;
esac
[ $# -le 1 ] || die "One option at most."

choose_home
if [ ! -d "$HOME_DIR" ]; then
  say "There is no claude-relay in $HOME_DIR."
  exit 0
fi
lock_home

if has_systemd; then
  for unit in claude-relay-ngrok.service "$UNIT"; do
    if [ -e "$UNITS/$unit" ]; then
      systemctl --user disable --quiet --now "$unit" 2>/dev/null || systemctl --user stop "$unit"
    fi
  done
fi
rm -f "$UNITS/$UNIT" "$UNITS/$UNIT.d/mounts.conf" "$UNITS/claude-relay-ngrok.service"
# The operator's own changes of the unit stay.
rmdir "$UNITS/$UNIT.d" 2>/dev/null || true
if has_systemd; then systemctl --user daemon-reload; fi
for command in claude-relay relayctl; do
  if grep -q '^# home: ' "$BIN/$command" 2>/dev/null; then rm -f "$BIN/$command"; fi
done
rm -rf "$HOME_DIR/app" "$HOME_DIR/releases" "$HOME_DIR/upgrade" "$HOME_DIR/upgrade.part" "$HOME_DIR/upgrade.done" "$HOME_DIR/run"

if [ "$purge" = yes ]; then
  # By name: RELAY_HOME may be a directory that holds other things, too.
  for name in audit claude config.env keys.json keys.json.lock keys.json.reserve relay.db relay.db-wal relay.db-shm relay.lock install.lock; do
    rm -rf "${HOME_DIR:?}/$name"
  done
  if rmdir "$HOME_DIR" 2>/dev/null; then
    say "claude-relay is gone, with everything it kept."
  else
    say "claude-relay is gone, with everything it kept. What else is in $HOME_DIR is not its own and stays."
  fi
else
  say "claude-relay is gone. Its keys, settings, usage and audit log are in $HOME_DIR; ./uninstall.sh --purge removes them."
fi
