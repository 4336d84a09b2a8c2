# shellcheck shell=bash disable=SC2034
# What install.sh and uninstall.sh share. Sourced, never run.

UNIT=claude-relay.service
UNITS=${XDG_CONFIG_HOME:-$HOME/.config}/systemd/user
BIN=$HOME/.local/bin
DEFAULT_HOME=$HOME/.local/share/claude-relay

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

# A login by su or cron lacks the variable that systemctl finds the user's manager by.
if [ -z "${XDG_RUNTIME_DIR:-}" ] && [ -d "/run/user/$(id -u)" ]; then
  XDG_RUNTIME_DIR=/run/user/$(id -u)
  export XDG_RUNTIME_DIR
fi

has_systemd() { command -v systemctl >/dev/null && systemctl --user show-environment >/dev/null 2>&1; }

# The home of the installation that is there, if there is one.
installed_home() { if [ -f "$BIN/relayctl" ]; then sed -n "s/^# home: //p" "$BIN/relayctl" | head -n 1; fi; }

# Sets HOME_DIR: RELAY_HOME, or where it is installed, or the default.
choose_home() {
  local there
  there=$(installed_home)
  HOME_DIR=${RELAY_HOME:-${there:-$DEFAULT_HOME}}
  case $HOME_DIR in
    /*) ;;
    *) die "RELAY_HOME must be an absolute path, and is '$HOME_DIR'." ;;
  esac
  # systemd would read them as its own.
  case $HOME_DIR in
    *[!A-Za-z0-9/._+@:-]*) die "RELAY_HOME may hold letters, digits and /._+@:- only, and is '$HOME_DIR'." ;;
  esac
  if [ -n "$there" ] && [ "$there" != "$HOME_DIR" ]; then
    die "claude-relay is installed with its home in $there, and RELAY_HOME is $HOME_DIR. Run ./uninstall.sh for that one first."
  fi
}

# One at a time. The lock is the system's, so that it ends with the process that holds it, however that ends.
lock_home() {
  command -v flock >/dev/null || die "This needs 'flock' (package util-linux)."
  exec 9>"$HOME_DIR/install.lock"
  flock -n 9 || die "Another install.sh or uninstall.sh is at work in $HOME_DIR. Wait for it to end."
}
