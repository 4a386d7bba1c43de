#!/usr/bin/env bash
# Lints (`lint`) or tests (`test`) the JavaScript of the live page; where Node cannot, says so in one line.
set -euo pipefail
cd "$(dirname "$0")/.."

skip() {
  echo "JavaScript $1 skipped: $2"
  exit 0
}

what="$1"
command -v node >/dev/null || skip "$what" "there is no Node on this machine (20 or newer)"
version="$(node --version)"
node -e 'process.exit(Number(process.versions.node.split(".")[0]) >= 20 ? 0 : 1)' || skip "$what" "Node $version is older than 20"

if [ "$what" = test ]; then  # node's own runner: no packages
  # Before version 22, the WebSocket that browsers have is behind a flag.
  flag="$(node -e 'process.stdout.write(typeof WebSocket === "undefined" ? "--experimental-websocket" : "")')"
  exec node $flag --test --test-reporter=spec tests/unit/dashboard/*.test.js
fi

command -v npm >/dev/null || skip "$what" "there is no npm on this machine"
node -e '
  const [major, minor] = process.versions.node.split(".").map(Number);
  process.exit((major === 20 && minor >= 19) || (major === 22 && minor >= 13) || major >= 24 ? 0 : 1);
' || skip "$what" "ESLint does not run on Node $version"
[ node_modules/.package-lock.json -nt package-lock.json ] || npm ci --ignore-scripts --no-progress --loglevel=error
exec npm run --silent lint
