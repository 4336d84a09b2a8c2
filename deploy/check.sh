#!/usr/bin/env bash
# Checks what deploys the relay where there is no engine, cluster or runner: linters and schemas over every file, and the Dockerfile's steps
# executed without it. Linux, as root (it installs its tools).
#   deploy/check.sh          about a minute
#   deploy/check.sh --all    also makes a whole release, of four systems, and verifies it
set -euo pipefail
. "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../bin/lib.sh"
cd "$ROOT"
require_dotnet

missing=()
for need in shellcheck:shellcheck yamllint:yamllint nginx:nginx-light caddy:caddy haproxy:haproxy systemd-analyze:systemd tini:tini zip:zip openssl:openssl bwrap:bubblewrap; do
  command -v "${need%%:*}" >/dev/null || missing+=("${need#*:}")
done
if [ "${#missing[@]}" != 0 ]; then
  say "Installing ${missing[*]} ..."
  mkdir -p "$TOOLS"
  { apt-get install -y -qq "${missing[@]}" || { apt-get update -qq && apt-get install -y -qq "${missing[@]}"; }; } >"$TOOLS/apt.log" 2>&1 || die "apt could not install ${missing[*]}; see $TOOLS/apt.log."
fi
tools=$TOOLS/deploy-checks-$(cksum <deploy/checks/package.json | cut -d' ' -f1)
if [ ! -d "$tools/node_modules" ]; then
  say "Installing the linters below .tools ..."
  rm -rf "$tools.part"
  mkdir -p "$tools.part"
  cp deploy/checks/package.json "$tools.part/"
  npm install --ignore-scripts --no-audit --no-fund --no-package-lock --loglevel error --prefix "$tools.part" >&2 || die "npm could not install the linters; what it said is above."
  mv "$tools.part" "$tools"
fi
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

failed=0 passed=0
# check WHAT COMMAND...: one line for it, and what it said when it fails.
check() {
  local what=$1
  shift
  local status=0
  # Not in a condition, where bash would go on after a failed command.
  set +e
  (set -e; "$@") >"$scratch/log" 2>&1
  status=$?
  set -e
  if [ "$status" = 0 ]; then
    passed=$((passed + 1))
    printf 'pass  %s\n' "$what"
  else
    failed=$((failed + 1))
    printf 'FAIL  %s\n' "$what"
    sed 's/^/      /' "$scratch/log"
  fi
}

shell_scripts() {
  local scripts
  mapfile -t scripts < <(git ls-files --cached --others --exclude-standard -- '*.sh' bin .ci/run | grep -v '\.md$')
  # Sourced files are found at run time, functions are called by traps, and some strings are another shell's.
  shellcheck -s bash -e SC1090,SC1091,SC2013,SC2016,SC2034,SC2153,SC2154,SC2251,SC2317 "${scripts[@]}"
}
yaml_style() { yamllint -s -d '{extends: default, rules: {line-length: disable, document-start: disable, truthy: {check-keys: false}, comments: {min-spaces-from-content: 1}, comments-indentation: disable, braces: {max-spaces-inside: 1}}}' deploy .github; }
schemas() {
  cp deploy/checks/lint.mjs "$tools/"
  node "$tools/lint.mjs" "$ROOT"
}
# The unit leads into a home that is not there: its program is replaced by one that is.
units() {
  local file
  mkdir -p "$scratch/units"
  for file in claude-relay claude-relay-ngrok; do
    sed 's:^ExecStart=%h/.*:ExecStart=/bin/true:' "deploy/systemd/$file.service" >"$scratch/units/$file.service"
  done
  # By its output: this systemd ends with 0 also after "Unknown key".
  mkdir -m 700 "$scratch/run"
  XDG_RUNTIME_DIR=$scratch/run SYSTEMD_LOG_LEVEL=warning systemd-analyze --user verify "$scratch"/units/*.service 2>&1 | { ! grep .; }
}
# As what it is, a service of a user without capabilities; of a file it would be taken for root's. 10 is "no protection at all".
exposure() {
  mkdir -p "$scratch/exposed/claude-relay.service.d"
  cp deploy/systemd/claude-relay.service "$scratch/exposed/"
  cp deploy/systemd/claude-relay-mounts.conf "$scratch/exposed/claude-relay.service.d/"
  printf '[Service]\nUser=daemon\nCapabilityBoundingSet=\n' >"$scratch/exposed/claude-relay.service.d/user.conf"
  systemd-analyze security --offline=true --threshold=45 "$scratch/exposed/claude-relay.service"
}
caddyfile() { HOME=$scratch caddy adapt --adapter caddyfile --config deploy/proxy/Caddyfile --validate >/dev/null; }
nginx_conf() {
  mkdir -p "$scratch/nginx"
  openssl req -x509 -newkey rsa:2048 -nodes -days 1 -subj /CN=relay.example.com -keyout "$scratch/nginx/privkey.pem" -out "$scratch/nginx/fullchain.pem" 2>/dev/null
  { echo "pid $scratch/nginx/pid; events {} http {" && sed "s:/etc/letsencrypt/live/relay.example.com:$scratch/nginx:" deploy/proxy/nginx.conf && echo "}"; } >"$scratch/nginx/nginx.conf"
  nginx -t -p "$scratch/nginx" -c "$scratch/nginx/nginx.conf"
}
# On a host, with the addresses in the file; and in containers, with those of the environment.
haproxy_cfg() {
  haproxy -c -f deploy/proxy/haproxy.cfg
  BALANCER=:18800 RELAY_1=localhost:8799 RELAY_2=localhost:8799 RELAY_3=localhost:8799 haproxy -c -f deploy/proxy/haproxy.cfg
  ! BALANCER=nowhere haproxy -c -f deploy/proxy/haproxy.cfg
}

# What the Dockerfile does, step by step, in directories of its own: each RUN is a script in deploy/docker, and the last stage's files are put
# where a root directory of that image would have them.
image=$scratch/image
docker_runs_scripts() {
  local step
  while read -r step; do
    [ -x "deploy/docker/$step" ] || { echo "no deploy/docker/$step" && return 1; }
  done < <(grep -o 'RUN [^ ]*/[a-z]*\.sh' deploy/Dockerfile | sed 's:.*/::')
  [ "$(grep -c '^RUN' deploy/Dockerfile)" = "$(find deploy/docker -name '*.sh' | wc -l)" ]
}
# The build's context, and nothing beyond it: what .dockerignore keeps out must not be needed.
docker_context() {
  local file
  mkdir -p "$scratch/context"
  grep '^!' deploy/Dockerfile.dockerignore | cut -c2- | while read -r file; do cp -R --parents "$file" "$scratch/context/"; done
  rm -rf "$scratch"/context/src/*/{obj,bin}
  (cd "$scratch/context" && deploy/docker/build.sh "$image/opt/claude-relay")
}
docker_claude() {
  CLAUDE_CODE_VERSION='' deploy/docker/claude.sh "$image/opt/claude" 2>&1
  rm -rf "$scratch/context"
}
docker_system() {
  mkdir -p "$image/etc" "$image/tmp"
  cp /etc/passwd /etc/group /etc/shadow /etc/gshadow /etc/login.defs "$image/etc/" 2>/dev/null || true
  deploy/docker/system.sh "$image"
  [ "$(stat -c '%u:%g %a' "$image/data")" = '10001:10001 700' ]
  local package
  for package in $(sed -n 's/^ *apt-get install .*--no-install-recommends \(.*\) >.*/\1/p' deploy/docker/system.sh); do
    apt-cache show "$package" >/dev/null || return 1
  done
}
# In a root of its own, read-only but for the volume and /tmp, as uid 10001 without capabilities: the image's environment and entry point.
docker_run() {
  local status=0
  chmod 711 "$scratch"
  setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs bwrap --unshare-user --unshare-pid --unshare-ipc --die-with-parent --ro-bind /usr /usr --symlink usr/lib /lib --symlink usr/lib64 /lib64 --symlink usr/bin /bin \
    --ro-bind /etc/ssl /etc/ssl --ro-bind "$image/opt" /opt --bind "$image/data" /data --tmpfs /tmp --proc /proc --dev /dev --remount-ro / \
    --clearenv --setenv RELAY_HOME /data/relay --setenv HOME /data --setenv CLAUDE_BIN /opt/claude/claude --setenv HOST 0.0.0.0 --setenv PORT 18799 --setenv ALLOW_REMOTE true \
    --setenv DOTNET_EnableDiagnostics 0 --setenv PATH /opt/claude-relay:/usr/bin:/bin --setenv CLAUDE_AUTH oauth-token --setenv CLAUDE_CODE_OAUTH_TOKEN dummy \
    --setenv CLAUDE_BASE_URL http://127.0.0.1:9 --setenv HOST 127.0.0.1 \
    /bin/bash -c '/usr/bin/tini -s -- claude-relay & relay=$!; relayctl ready --wait 60s; status=$?; kill -TERM $relay; wait $relay; exit $status' || status=$?
  return "$status"
}

release() {
  deploy/release.sh 0.0.0-check
  (cd artifacts/release && sha256sum --check --strict --quiet SHA256SUMS)
  # The archive of this machine is installed from by the tests, as deploy/release.sh --unpacked makes it; the others by their contents.
  local rid
  for rid in linux-x64 linux-arm64 osx-arm64; do
    for file in app/claude-relay app/relayctl app/VERSION LICENSE README.md; do
      tar -tzf "artifacts/release/claude-relay-0.0.0-check-$rid.tar.gz" "claude-relay-0.0.0-check-$rid/$file" >/dev/null || return 1
    done
  done
  python3 -m zipfile -l artifacts/release/claude-relay-0.0.0-check-win-x64.zip | grep -q 'app/claude-relay.exe'
  tar -tzf artifacts/release/claude-relay-0.0.0-check-linux-x64.tar.gz | grep -q '/install.sh$'
  python3 - <<'PYTHON'
import json, glob
for file in glob.glob("artifacts/release/*.cdx.json"):
    bom = json.load(open(file))
    assert bom["bomFormat"] == "CycloneDX" and len(bom["components"]) > 5, file
    assert all(component.get("purl") for component in bom["components"]), file
PYTHON
}

check "every shell script (shellcheck)" shell_scripts
check "the style of every YAML file (yamllint)" yaml_style
check "workflows, Dockerfile, compose files and manifests by their linters and schemas" schemas
check "the units (systemd-analyze --user verify)" units
check "the service's exposure (systemd-analyze security, offline)" exposure
check "the Caddyfile (caddy adapt --validate)" caddyfile
check "nginx.conf (nginx -t)" nginx_conf
check "haproxy.cfg (haproxy -c), on a host and in containers" haproxy_cfg
check "every RUN of the Dockerfile is a script of deploy/docker" docker_runs_scripts
check "the Dockerfile's first stage: publish, from its context alone" docker_context
check "the Dockerfile's second stage: Claude Code" docker_claude
check "the Dockerfile's third stage: the user, the volume, the packages' names" docker_system
check "the image's entry point becomes ready, unprivileged on a read-only root, and stops" docker_run
if [ "${1:-}" = --all ]; then
  rm -rf "$image"
  check "a release of four systems, with checksums and SBOMs" release
fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
