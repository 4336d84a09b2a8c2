#!/usr/bin/env bash
# Installs or upgrades claude-relay for this user. See --help.
set -euo pipefail
HERE=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
. "$HERE/deploy/install-lib.sh"

usage() {
  cat <<'TEXT'
usage: ./install.sh [--port N] [--wait SECONDS] [--no-service]

Installs claude-relay for this user, without root, or upgrades it:
  the program     RELAY_HOME/app, and the one before it until the new one has proved itself
  the commands    ~/.local/bin/claude-relay and ~/.local/bin/relayctl
  the service     claude-relay.service of systemd --user (XDG_CONFIG_HOME or ~/.config, systemd/user)
and waits until /health/ready answers. An upgrade that does not become ready is taken back. Interrupted, run it again.

  --port N        listen on this port: writes PORT=N into RELAY_HOME/config.env
  --wait SECONDS  how long a new version may take to become ready (60)
  --no-service    the program and the commands only

RELAY_HOME is ~/.local/share/claude-relay unless the environment says otherwise; later runs remember it. XDG_DATA_HOME is not looked
at, for the relay itself does not. From a checkout it builds with the .NET SDK; an unpacked release needs nothing.

Exit codes: 0 it is ready; 1 it failed, and what ran before runs again; 2 it is installed and runs, and says what it still needs
            (a Claude Code, a login); 3 there is no systemd --user; 64 wrong usage
TEXT
}

misused() {
  say "$1"
  say "./install.sh --help shows how it is used."
  exit 64
}

port='' patience=60 service=yes
while [ $# -gt 0 ]; do
  case $1 in
    -h | --help)
      usage
      exit 0
      ;;
    --no-service) service=no ;;
    --port | --wait)
      [[ ${2:-} =~ ^[0-9]{1,5}$ ]] || misused "$1 needs a number."
      if [ "$1" = --port ]; then port=$((10#$2)); else patience=$((10#$2)); fi
      shift
      ;;
    *) misused "There is no option '$1'." ;;
  esac
  shift
done
if [ -n "$port" ] && { [ "$port" -lt 1 ] || [ "$port" -gt 65535 ]; }; then misused "A port goes from 1 to 65535."; fi
[ "$patience" -le 3600 ] || misused "--wait goes up to 3600."

[ "$(uname -s)" = Linux ] || die "install.sh is for Linux. Elsewhere ./run.sh runs the relay, or an unpacked release's app/claude-relay."
[ -z "${SUDO_USER:-}" ] || die "Run it without sudo, as the user whose Claude login the relay shall use."
if [ "$service" = yes ] && ! has_systemd; then
  if [ -x "$HERE/run.sh" ]; then instead=./run.sh; else instead=app/claude-relay; fi
  say "There is no systemd for this user here ('systemctl --user' does not answer), so nothing was installed."
  say "Start the relay in the foreground with $instead, or install the commands alone with ./install.sh --no-service."
  exit 3
fi

choose_home
releases=$HOME_DIR/releases
app=$HOME_DIR/app
# What an upgrade that has begun would have to take back. There from before the first change until the new version has proved itself.
upgrade=$HOME_DIR/upgrade
mkdir -p "$releases" "$BIN"
chmod 700 "$HOME_DIR"
lock_home

for command in claude-relay relayctl; do
  if [ -e "$BIN/$command" ] && ! grep -q '^# home: ' "$BIN/$command"; then
    die "$BIN/$command is there and not claude-relay's. Move it out of the way."
  fi
done

# switch LINK TARGET: the link leads there, at once and whole.
switch() {
  ln -sfn "$2" "$1.new"
  mv -T "$1.new" "$1"
}

# put FILE: the file has what is on stdin, at once and whole.
put() {
  cat >"$1.new"
  mv "$1.new" "$1"
}

put_unit() {
  mkdir -p "$UNITS/$UNIT.d"
  sed "s:%h/.local/share/claude-relay:$HOME_DIR:g" "$1/$UNIT" | put "$UNITS/$UNIT"
  if systemd-run --user --quiet --wait --pipe -p PrivateUsers=yes -p PrivateTmp=yes -p ProtectSystem=strict true >/dev/null 2>&1 9>&-; then
    sed "s:%h/.local/share/claude-relay:$HOME_DIR:g" "$1/claude-relay-mounts.conf" | put "$UNITS/$UNIT.d/mounts.conf"
  else
    rm -f "$UNITS/$UNIT.d/mounts.conf"
  fi
}

# run_ctl ARGS: the installed relayctl, whatever this shell has of settings.
run_ctl() { env -i HOME="$HOME" PATH="$PATH" RELAY_HOME="$HOME_DIR" DOTNET_EnableDiagnostics=0 "$app/relayctl" "$@" 9>&-; }

is_active() { [ "$(systemctl --user is-active "$UNIT" 2>/dev/null)" = active ]; }

log_tail() { journalctl --user -u "$UNIT" -n 20 --no-pager -o cat 2>/dev/null || systemctl --user status "$UNIT" --no-pager -n 20 2>/dev/null || true; }

# The version that ran before runs again, and the upgrade has never been.
take_back() {
  local previous
  previous=$(cat "$upgrade/previous" 2>/dev/null || true)
  if [ -n "$previous" ] && [ -d "$HOME_DIR/$previous" ]; then
    switch "$app" "$previous"
    if [ "$service" = yes ] && [ -f "$app/$UNIT" ]; then
      put_unit "$app"
      systemctl --user daemon-reload
      if [ -e "$upgrade/active" ]; then
        systemctl --user reset-failed "$UNIT" 2>/dev/null || true
        systemctl --user restart "$UNIT" || true
      fi
    fi
  fi
}

# Once nothing is left to be taken back.
close_upgrade() {
  rm -rf "$upgrade.done"
  mv -T "$upgrade" "$upgrade.done"
  rm -rf "$upgrade.done"
}

# However this ends early: Ctrl-C, a full disk, a mistake in here.
ended() {
  local status=$?
  trap '' INT TERM HUP
  if [ -d "$upgrade" ]; then
    say "Taking back what was begun."
    take_back
    close_upgrade
  fi
  exit "$status"
}
trap ended EXIT
trap 'say ""; exit 130' INT TERM HUP

if [ -d "$upgrade" ]; then
  say "An earlier run was cut off; taking back what it had begun."
  take_back
  was_ready=$([ -e "$upgrade/ready" ] && echo yes || echo no)
  close_upgrade
else
  was_ready=no
fi
rm -rf "$releases"/.part.* "$upgrade.part" "$upgrade.done"

# 1. The new version, beside the old one.
if [ -x "$HERE/app/claude-relay" ]; then
  built=$HERE/app
else
  built=$("$HERE/deploy/publish.sh" 9>&-)
fi
fingerprint() { (cd "$1" && find . -type f -not -name "*.service" -not -name "*.conf" -print0 | sort -z | xargs -0 cksum && cat "$2/$UNIT" "$2/claude-relay-mounts.conf") | cksum | tr -d ' '; }
version=$(cat "$built/VERSION")
new=releases/$version-$(fingerprint "$built" "$HERE/deploy/systemd")
if [ -d "$HOME_DIR/$new" ] && [ "$HOME_DIR/$new" != "$releases/$version-$(fingerprint "$HOME_DIR/$new" "$HOME_DIR/$new")" ]; then
  say "The files of $version in $HOME_DIR are damaged; replacing them."
  mv -T "$HOME_DIR/$new" "$HOME_DIR/$new.damaged"
fi
if [ ! -d "$HOME_DIR/$new" ]; then
  part=$releases/.part.$$
  cp -R "$built" "$part"
  cp "$HERE/deploy/systemd/$UNIT" "$HERE/deploy/systemd/claude-relay-mounts.conf" "$part/"
  # On the disk before anything leads there: a power cut must not leave half of it.
  sync -f "$part"
  mv -T "$part" "$HOME_DIR/$new"
fi

# 2. From here on there is something to take back.
old=$(readlink "$app" 2>/dev/null || true)
mkdir -p "$upgrade.part"
printf '%s' "$old" >"$upgrade.part/previous"
if [ "$service" = yes ] && is_active; then
  touch "$upgrade.part/active"
  if [ "$was_ready" = yes ] || { [ -n "$old" ] && run_ctl ready >/dev/null 2>&1; }; then
    was_ready=yes
    touch "$upgrade.part/ready"
  fi
fi
mv -T "$upgrade.part" "$upgrade"

switch "$app" "$new"
put_command() {
  put "$BIN/$1" <<TEXT
#!/bin/sh
# home: $HOME_DIR
# Made by install.sh of claude-relay.
export RELAY_HOME="\${RELAY_HOME:-$HOME_DIR}" DOTNET_EnableDiagnostics=0
exec "$HOME_DIR/app/$1" "\$@"
TEXT
  chmod 755 "$BIN/$1"
}
put_command claude-relay
put_command relayctl

# 3. The settings.
config=$HOME_DIR/config.env
run_ctl config init >/dev/null || {
  say "The new version does not start; nothing is changed."
  exit 1
}
# set_setting NAME VALUE: in config.env, where the operator finds it.
set_setting() {
  if grep -q "^#\?$1=" "$config"; then
    sed "s:^#\?$1=.*:$1=$2:" "$config" | (umask 077 && put "$config")
  else
    (cat "$config" && printf '%s=%s\n' "$1" "$2") | (umask 077 && put "$config")
  fi
}
[ -z "$port" ] || set_setting PORT "$port"
# The service has another PATH than this shell.
found=$(command -v claude || true)
if [ -n "$found" ] && ! grep -q '^CLAUDE_BIN=' "$config" && [ ! -e "$HOME/.local/bin/claude" ]; then
  case $found in
    /usr/local/bin/* | /usr/bin/* | /bin/*) ;;
    /*)
      set_setting CLAUDE_BIN "$found"
      say "Set CLAUDE_BIN=$found in config.env: the service would not find it by its own PATH."
      ;;
  esac
fi

clean_up() {
  close_upgrade
  # The one in use and the one before it.
  local kept release
  kept=" $new $old "
  for release in "$releases"/*; do
    case $kept in
      *" releases/${release##*/} "*) ;;
      *) rm -rf "$release" ;;
    esac
  done
}

if [ "$service" = no ]; then
  clean_up
  say "Installed claude-relay $version in $HOME_DIR. 'claude-relay' starts it in the foreground."
  exit 0
fi

# 4. The service. The login's directory must be there for the service to be able to write to it.
[ -d "$HOME/.claude" ] || mkdir -m 700 "$HOME/.claude"
put_unit "$app"
systemctl --user daemon-reload
if [ "$old" = "$new" ] && [ "$was_ready" = yes ] && [ -z "$port" ]; then
  systemctl --user enable --quiet "$UNIT"
  clean_up
  say "claude-relay $version is installed in $HOME_DIR already, and ready."
  exit 0
fi
systemctl --user reset-failed "$UNIT" 2>/dev/null || true
say "Starting claude-relay $version ..."
outcome=0
if systemctl --user restart "$UNIT" 9>&-; then
  report=$(run_ctl ready --wait "${patience}s" 2>&1) || outcome=$?
  # What answers on the port must be the service.
  is_active || outcome=1
else
  report="The service did not start." outcome=1
fi

if [ "$outcome" = 0 ] || { [ "$outcome" = 5 ] && [ "$was_ready" = no ]; }; then
  systemctl --user enable --quiet "$UNIT"
  clean_up
  say "Installed claude-relay $version in $HOME_DIR."
  say "$report"
  case ":$PATH:" in
    *":$BIN:"*) ctl=relayctl ;;
    *) ctl=$BIN/relayctl ;;
  esac
  say ""
  if [ "$outcome" != 0 ]; then
    say "It runs, and can't answer before you have done what it says. Then, or to see more: $ctl doctor"
    say "For a login of the relay's own: $ctl login"
  fi
  say "Mint a key:     $ctl keys add my-app"
  say "Its log:        journalctl --user -u claude-relay -f"
  say "Its settings:   $config; then systemctl --user restart claude-relay"
  if [ "$(loginctl show-user "$(id -un)" -p Linger --value 2>/dev/null)" = no ]; then
    say "It stops when you log out, unless you run once: loginctl enable-linger"
  fi
  [ "$outcome" = 0 ] || exit 2
  exit 0
fi

say "claude-relay $version failed. $report"
say "The last lines of its log:"
log_tail | sed 's/^/  /' >&2
if [ -n "$old" ]; then
  say "Taking it back: the version before runs again."
  take_back
  if [ "$was_ready" = yes ] && ! run_ctl ready --wait "${patience}s" >&2; then
    say "The version before does not become ready either: the cause may be outside of the relay. See '$app/relayctl doctor'."
  fi
else
  systemctl --user stop "$UNIT" || true
  say "It is stopped. Mend what its log says ('$app/relayctl doctor' helps), and run ./install.sh again."
fi
close_upgrade
if [ -n "$old" ] && [ "$old" != "$new" ]; then rm -rf "${HOME_DIR:?}/$new"; fi
exit 1
