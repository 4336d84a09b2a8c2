#!/usr/bin/env bash
# A step of the Dockerfile: what the relay needs of Debian, and a user who is not root. A first argument is another root, for trying it out.
set -euo pipefail
root=${1:-/}
export DEBIAN_FRONTEND=noninteractive
if [ "$root" = / ]; then
  apt-get update -qq
  # procps-free on purpose: bash comes with Debian, for the guard's shell. libssl3: .NET's TLS. tini: the init.
  apt-get install -y -qq --no-install-recommends bubblewrap ca-certificates libssl3 tini >/dev/null
  rm -rf /var/lib/apt/lists/*
fi
groupadd --root "$root" --gid 10001 relay
useradd --root "$root" --uid 10001 --gid 10001 --home-dir /data --no-create-home --shell /usr/sbin/nologin relay
install -d -m 0700 -o 10001 -g 10001 "${root%/}/data"
