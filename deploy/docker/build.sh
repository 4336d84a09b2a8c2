#!/usr/bin/env bash
# A step of the Dockerfile: publishes the relay into a directory.
set -euo pipefail
app=$("$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../publish.sh")
mkdir -p "$1"
cp -R "$app/." "$1/"
