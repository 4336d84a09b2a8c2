#!/usr/bin/env bash
# Makes a release: self-contained archives, their checksums and an SBOM, below artifacts/release.
#   deploy/release.sh VERSION [RID ...]    linux-x64, linux-arm64, osx-arm64 and win-x64 by default
#   deploy/release.sh --unpacked DIR       what an unpacked archive for this machine holds, as the tests install it
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../bin/lib.sh"

# Keep the .NET tool that writes the SBOM in step with the packages it reads; it is installed below .tools.
CYCLONEDX_VERSION=6.3.1

# stage APP DIR: what an archive holds.
stage() {
  mkdir -p "$2/deploy"
  cp -R "$1" "$2/app"
  cp "$ROOT"/{README.md,SECURITY.md,CHANGELOG.md,LICENSE} "$2/"
  cp -R "$ROOT/docs" "$2/docs"
  case $1 in
    *-linux-*)
      cp "$ROOT"/{install.sh,uninstall.sh} "$2/"
      cp -R "$ROOT"/deploy/{README.md,install-lib.sh,systemd,proxy,redis,prometheus,grafana} "$2/deploy/"
      ;;
    *) rmdir "$2/deploy" ;;
  esac
}

if [ "${1:-}" = --unpacked ]; then
  stage "$("$ROOT/deploy/publish.sh")" "$2"
  exit 0
fi

version=${1:-}
[[ $version =~ ^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$ ]] || die "usage: deploy/release.sh VERSION [RID ...], with a version such as 1.2.3 or 1.2.3-rc.1"
shift
[ $# -gt 0 ] || set -- linux-x64 linux-arm64 osx-arm64 win-x64
require_dotnet
out=$ARTIFACTS/release
rm -rf "$out"
mkdir -p "$out"

for rid in "$@"; do
  name=claude-relay-$version-$rid
  app=$("$ROOT/deploy/publish.sh" "$rid" "$version")
  stage "$app" "$out/$name"
  say "Packing $name ..."
  # In one order, of one time and nobody's name: two archives of the same files do not differ.
  if [ "$rid" = win-x64 ]; then
    command -v zip >/dev/null || die "The archive for Windows needs 'zip'."
    find "$out/$name" -exec touch -d '2000-01-01 UTC' {} +
    (cd "$out" && find "$name" | sort | TZ=UTC zip -q -X -@ "$name.zip")
  else
    tar -C "$out" --sort=name --owner=0 --group=0 --numeric-owner --mtime='2000-01-01 UTC' -c "$name" | gzip -9n >"$out/$name.tar.gz"
  fi
  rm -rf "${out:?}/$name"
done

say "Writing the SBOM ..."
tool=$TOOLS/cyclonedx-$CYCLONEDX_VERSION
if [ ! -x "$tool/dotnet-CycloneDX" ]; then
  dotnet tool install CycloneDX --version "$CYCLONEDX_VERSION" --tool-path "$tool" >"$ARTIFACTS/cyclonedx.log" 2>&1 || die "The SBOM's tool could not be installed; see $ARTIFACTS/cyclonedx.log."
fi
for project in Relay.Api Relay.Cli; do
  DOTNET_ROLL_FORWARD=Major "$tool/dotnet-CycloneDX" "$ROOT/src/$project/$project.csproj" --recursive --exclude-dev --set-name "claude-relay" --set-version "$version" \
    --set-type Application --output "$out" --filename "claude-relay-$version.$project.cdx.json" --output-format Json >>"$ARTIFACTS/cyclonedx.log" 2>&1 ||
    die "The SBOM could not be written; see $ARTIFACTS/cyclonedx.log."
done

(cd "$out" && sha256sum -- * >SHA256SUMS)
cat "$out/SHA256SUMS"
