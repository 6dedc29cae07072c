#!/usr/bin/env bash
# What the tests of the page in a browser need: Debian's Chromium, and playwright-core (npm), which drives it.
set -euo pipefail
cd "$(dirname "$0")"
command -v chromium >/dev/null || apt-get install --yes chromium
npm ci --no-audit --no-fund
