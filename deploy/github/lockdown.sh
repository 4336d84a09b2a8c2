#!/usr/bin/env bash
# The lockdown tests alone, against the Claude Code of CLAUDE_CODE_VERSION, or the pinned one. What lockdown-weekly.yml runs.
set -euo pipefail
# The classes that let a hostile model, a hostile prompt or a planted home loose on the real CLI.
exec "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../../test.sh" --all -- \
  -class '*.LockdownTests' -class '*.CommandPromptTests' -class '*.FileMentionTests' -class '*.PlantedHomeTests' -class '*.ManagedPolicyTests' \
  -class '*.IsolationTests' -class '*.ClaudeLockdownTests'
