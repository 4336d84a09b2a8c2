#!/usr/bin/env bash
# Installs a release on the relay's machine over ssh, and fails when it does not become ready there; install.sh then has put the version before back.
#   deploy.sh USER@MACHINE claude-relay-VERSION-linux-x64.tar.gz SHA256SUMS
# The ssh key and the machine's host key are whoever calls it to set up: see deploy.yml beside this file.
set -euo pipefail
target=${1:?USER@MACHINE} archive=${2:?the archive} sums=${3:?its SHA256SUMS}

name=$(basename "$archive" .tar.gz)
[[ $name =~ ^claude-relay-[0-9A-Za-z.-]+$ ]] || { echo "'$name' is not the name of a release's archive." >&2; exit 64; }
# The line of this archive and no other, so that a missing line is a failure.
awk -v file="$name.tar.gz" '$2 == file' "$sums" | (cd "$(dirname "$archive")" && sha256sum --check --strict --status -) ||
  { echo "$archive is not what $sums says." >&2; exit 1; }

remote=(ssh -o BatchMode=yes -o StrictHostKeyChecking=yes -- "$target")
"${remote[@]}" 'mkdir -p ~/.cache/claude-relay && tar -C ~/.cache/claude-relay -xzf -' <"$archive"
status=0
"${remote[@]}" "\$HOME/.cache/claude-relay/$name/install.sh" || status=$?
"${remote[@]}" "rm -rf \"\$HOME/.cache/claude-relay/$name\"" || true
# 2: it is installed and runs, but wants its operator (a login, say). For a deployment that is no success.
exit "$status"
