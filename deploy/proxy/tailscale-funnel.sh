#!/bin/sh
# Tailscale Funnel: the relay at https://MACHINE.TAILNET.ts.net, for everybody who has a key of the relay's. For your own tailnet only, put
# 'serve' where 'funnel' stands. It streams unbuffered and hands the Host header on, so the name must be among ALLOWED_HOSTS.
#   deploy/proxy/tailscale-funnel.sh machine.tailnet.ts.net
set -eu
name=${1:?the name of this machine in your tailnet, such as relay.tail1234.ts.net}
config=${RELAY_HOME:-$HOME/.local/share/claude-relay}/config.env
port=$(sed -n 's/^PORT=//p' "$config" | tail -n 1)
if ! grep -q "^ALLOWED_HOSTS=.*$name" "$config"; then
  echo "Add it first, in $config: ALLOWED_HOSTS=localhost,127.0.0.1,$name; then systemctl --user restart claude-relay" >&2
  exit 1
fi
exec tailscale funnel --bg --https=443 "http://127.0.0.1:${port:-8799}"
