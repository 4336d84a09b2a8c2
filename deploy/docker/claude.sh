#!/usr/bin/env bash
# A step of the Dockerfile: installs Claude Code, pinned unless CLAUDE_CODE_VERSION says otherwise, into a directory.
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../bin/lib.sh"
claude=$(pinned_claude)
mkdir -p "$1"
cp "$claude" "$1/claude"
chmod 755 "$1/claude"
"$1/claude" --version >&2
