#!/usr/bin/env bash
# Publishes the relay and relayctl, self-contained, into one directory, and prints its path. Does nothing when no source has changed.
#   deploy/publish.sh [linux-x64|linux-arm64|osx-arm64|win-x64] [VERSION]    this machine's, and the version of the sources, by default
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../bin/lib.sh"

this_machine() {
  case $(uname -s)-$(uname -m) in
    Linux-x86_64) echo linux-x64 ;;
    Linux-aarch64) echo linux-arm64 ;;
    Darwin-arm64) echo osx-arm64 ;;
    *) die "There is no published build for $(uname -s) on $(uname -m); ./run.sh builds and runs the relay with the SDK." ;;
  esac
}

rid=${1:-$(this_machine)}
version=${2:-$(sed -n 's:.*<Version>\(.*\)</Version>.*:\1:p' "$ROOT/Directory.Build.props")}
app=$ARTIFACTS/app-$rid
wanted="$version; $(fingerprint src docs/errors.md deploy/publish.sh)"
if [ -f "$app.stamp" ] && [ "$(cat "$app.stamp")" = "$wanted" ]; then
  printf '%s\n' "$app"
  exit 0
fi

require_dotnet
say "Publishing $version for $rid; the first time takes a minute ..."
mkdir -p "$ARTIFACTS"
rm -rf "$app" "$app.stamp" "$app.part" "$app.ctl"
# What the code is like is judged by the ordinary build: not again here, where only its outcome counts.
for project in "Relay.Api $app.part" "Relay.Cli $app.ctl"; do
  read -r name out <<<"$project"
  if ! compile publish "$ROOT/src/$name/$name.csproj" -r "$rid" --self-contained -o "$out" -p:Version="$version" \
    -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false -p:PublishDocumentationFiles=false -p:SatelliteResourceLanguages=en \
    >>"$app.log" 2>&1; then
    tail -n 40 "$app.log" >&2
    die "Publishing failed; the whole log is in $app.log."
  fi
done
# They share one directory, so what both bring must be the same.
for file in "$app.ctl"/*; do
  shared=$app.part/$(basename "$file")
  if [ ! -e "$shared" ]; then
    mv "$file" "$shared"
  elif ! cmp -s "$file" "$shared"; then
    die "The relay and relayctl were published with different versions of $(basename "$file")."
  fi
done
rm -rf "$app.ctl"
printf '%s\n' "$version" >"$app.part/VERSION"
mv "$app.part" "$app"
printf '%s' "$wanted" >"$app.stamp"
printf '%s\n' "$app"
