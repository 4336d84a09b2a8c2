# What run.sh, test.sh and the commands in bin/ share. Sourced, never run. Sets ROOT.

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ARTIFACTS=$ROOT/artifacts
TOOLS=$ROOT/.tools

# The Claude Code that the lockdown tests run against; keep ClaudeBinary.NewestTestedVersion in step.
# CLAUDE_CODE_VERSION in the environment takes another: the weekly run takes the newest.
CLAUDE_CODE_VERSION=${CLAUDE_CODE_VERSION:-2.1.330}

say() { printf '%s\n' "$*" >&2; }

die() {
  say "$*"
  exit 1
}

require_dotnet() {
  command -v dotnet >/dev/null || die "claude-relay needs the .NET SDK 10, and there is no 'dotnet' on PATH. Install it (https://dot.net), then run this again."
  # Quiet, and nothing sent to anybody.
  export DOTNET_CLI_TELEMETRY_OPTOUT=1 DOTNET_NOLOGO=1 DOTNET_SKIP_FIRST_TIME_EXPERIENCE=1
}

# A fingerprint of everything that decides what `dotnet build` makes.
fingerprint() {
  (cd "$ROOT" && find "$@" Directory.Build.props Directory.Packages.props global.json .editorconfig BannedSymbols.txt \
    -type f -not -path '*/obj/*' -not -path '*/bin/*' -print0 | sort -z | xargs -0 cksum | cksum)
}

# compile ARGUMENTS: runs dotnet with one C# compiler for all projects, which ends with the command. Nothing that the SDK would
# leave running stays, and nobody else's compiler is used or ended.
compile() {
  local name=claude-relay-$$-$RANDOM compiler status=0
  dotnet "$@" -c Release -v quiet --tl:off -nodeReuse:false -p:UseRazorBuildServer=false -p:UseSharedCompilation=true -p:SharedCompilationId="$name" || status=$?
  compiler=$(dirname "$(readlink -f "$(command -v dotnet)")")/sdk/$(cd "$ROOT" && dotnet --version)/Roslyn/bincore/VBCSCompiler.dll
  # Where it is not found there, it ends by itself after ten idle minutes.
  if [ -f "$compiler" ]; then dotnet "$compiler" -pipename:"$name" -shutdown || true; fi
  return "$status"
}

# build NAME PROJECTS-OR-SOLUTION -- SOURCES: builds Release unless nothing changed since the last time, and then needs
# neither the network nor a restore.
build() {
  local name=$1 target=$2
  shift 3
  local stamp=$ARTIFACTS/$name.stamp sources wanted other
  sources=$(fingerprint src)
  wanted="$sources; $(fingerprint "$@")"
  if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
    return 0
  fi
  # What needs src only has been made with everything else, if everything was made of this src.
  if [ "$*" = src ] && [ -f "$ARTIFACTS/all.stamp" ] && [ "$(sed 's/;.*//' "$ARTIFACTS/all.stamp")" = "$sources" ]; then
    return 0
  fi
  require_dotnet
  say "Building $name (Release); the first time takes a minute ..."
  local log=$ARTIFACTS/$name.build.log
  mkdir -p "$ARTIFACTS"
  # All targets share their outputs: what was built of other sources is overwritten now.
  for other in "$ARTIFACTS"/*.stamp; do
    if [ -f "$other" ] && [ "$(sed 's/;.*//' "$other")" != "$sources" ]; then rm -f "$other"; fi
  done
  if ! compile build "$ROOT/$target" >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    die "The build failed; the whole log is in $log."
  fi
  printf '%s' "$wanted" >"$stamp"
}

build_relay() { build relay src/Relay.Api/Relay.Api.csproj -- src; }
build_relayctl() { build relayctl src/Relay.Cli/Relay.Cli.csproj -- src; }
build_all() { build all ClaudeRelay.sln -- src clients tests bench ClaudeRelay.sln; }

# Compiles the fake Claude Code of the tests to machine code and prints its path. Tests start it more than a thousand times, and its
# start then takes 0.02 s of processor time instead of 0.11. Without a C linker this prints nothing: the tests use the build of the SDK.
native_fake_claude() {
  local out=$ARTIFACTS/native-fake-claude
  local program=$out/Relay.FakeClaude wanted
  wanted=$(fingerprint tests/Relay.FakeClaude)
  if [ "$(cat "$out.fingerprint" 2>/dev/null)" != "$wanted" ]; then
    command -v gcc >/dev/null || command -v clang >/dev/null || return 0
    say "Compiling the fake Claude Code to machine code ..."
    rm -rf "$out" "$out.fingerprint"
    if ! compile publish "$ROOT/tests/Relay.FakeClaude/Relay.FakeClaude.csproj" --use-current-runtime -o "$out" -p:PublishAot=true \
      -p:ArtifactsPath="$out-build" -p:RunAnalyzers=false -p:EnforceCodeStyleInBuild=false >"$out.log" 2>&1; then
      say "The fake Claude Code was not compiled to machine code; see $out.log. The tests use its ordinary build."
      return 0
    fi
    printf '%s' "$wanted" >"$out.fingerprint"
  fi
  printf '%s\n' "$program"
}

relayctl() {
  build_relayctl
  require_dotnet
  dotnet "$ARTIFACTS/bin/Relay.Cli/release/relayctl.dll" "$@"
}

# Installs the pinned Claude Code below .tools, once, and prints its path.
pinned_claude() {
  local system machine libc=''
  system=$(uname -s | tr '[:upper:]' '[:lower:]')
  case $(uname -m) in
    x86_64 | amd64) machine=x64 ;;
    aarch64 | arm64) machine=arm64 ;;
    *) die "There is no Claude Code for $(uname -m)." ;;
  esac
  if [ "$system" = linux ] && ldd --version 2>&1 | grep -qi musl; then libc=-musl; fi
  local package=@anthropic-ai/claude-code-$system-$machine$libc
  local home=$TOOLS/claude-code-$CLAUDE_CODE_VERSION
  local claude=$home/node_modules/$package/claude
  if [ ! -x "$claude" ]; then
    command -v npm >/dev/null || die "Claude Code $CLAUDE_CODE_VERSION comes from npm, and there is no 'npm' on PATH. Install Node.js 20 or later."
    say "Installing Claude Code $CLAUDE_CODE_VERSION below .tools (about 360 MB) ..."
    rm -rf "$home.part"
    mkdir -p "$home.part"
    npm install --ignore-scripts --no-audit --no-fund --loglevel error --prefix "$home.part" "$package@$CLAUDE_CODE_VERSION" >&2 ||
      die "npm could not install $package@$CLAUDE_CODE_VERSION; what it said is above."
    rm -rf "$home"
    mv "$home.part" "$home"
  fi
  printf '%s\n' "$claude"
}

# Unpacks Debian's Prometheus below .tools, once, and prints where its programs are: as files only, so that no service starts.
# Nothing where there is none, and the tests that need it say so.
pinned_prometheus() {
  local home=$TOOLS/prometheus
  if command -v prometheus >/dev/null && command -v promtool >/dev/null; then
    dirname "$(command -v prometheus)"
    return 0
  fi
  if [ ! -x "$home/usr/bin/promtool" ] && command -v apt-get >/dev/null; then
    say "Unpacking Prometheus below .tools (about 100 MB) ..."
    rm -rf "$home.part"
    mkdir -p "$home.part"
    if ! (
      cd "$home.part"
      apt-get download -qq prometheus || { apt-get update -qq && apt-get download -qq prometheus; }
      dpkg-deb -x prometheus_*.deb .
      rm prometheus_*.deb
    ) >"$TOOLS/prometheus.log" 2>&1; then
      say "apt could not download prometheus; see $TOOLS/prometheus.log."
      return 0
    fi
    rm -rf "$home"
    mv "$home.part" "$home"
  fi
  if [ -x "$home/usr/bin/promtool" ]; then printf '%s\n' "$home/usr/bin"; fi
}

# Installs the JavaScript SDKs that tests run against a relay, once for each set of versions, and prints their folder.
pinned_sdks() { pinned_packages sdks 'the JavaScript SDKs (about 260 MB)'; }

# The same for what drives a browser in tests.
pinned_browser_tools() { pinned_packages browser 'what drives a browser (about 18 MB)'; }

# The same for a second reader of Markdown, and what pages are compared with.
pinned_converters() { pinned_packages converters 'converters of pages (about 20 MB)'; }

# pinned_packages FOLDER WHAT: installs the packages of tests/FOLDER/package.json below .tools, with the scripts that use them.
pinned_packages() {
  local home
  home=$TOOLS/$1-$(cksum <"$ROOT/tests/$1/package.json" | cut -d' ' -f1)
  if [ ! -d "$home/node_modules" ]; then
    command -v npm >/dev/null || die "Tests need $2 from npm, and there is no 'npm' on PATH. Install Node.js 20 or later."
    say "Installing $2 below .tools ..."
    rm -rf "$home.part"
    mkdir -p "$home.part"
    cp "$ROOT/tests/$1/package.json" "$home.part/"
    npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel error --prefix "$home.part" >&2 || die "npm could not install $2; what it said is above."
    rm -rf "$home"
    mv "$home.part" "$home"
  fi
  # Beside the packages: Node looks for them from where a script lies.
  cp "$ROOT/tests/$1"/*.mjs "$home/"
  printf '%s\n' "$home"
}
