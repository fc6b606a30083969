#!/usr/bin/env bash
# Installs the linters of deploy/: those from PyPI into test/deploy/.lint (ignored by git), and nginx and systemd with
# apt, as root, if they are missing. Existing installations are kept.
set -euo pipefail
cd "$(dirname "$0")"

missing=()
command -v nginx >/dev/null || [ -x /usr/sbin/nginx ] || missing+=(nginx-light)
command -v systemd-analyze >/dev/null || missing+=(systemd)
python3 -c 'import venv, ensurepip' 2>/dev/null || missing+=(python3 python3-venv)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# Complete when it has the list that it was created from; an incomplete installation is repeated.
if ! cmp -s .lint/.finished requirements.txt; then
  rm -rf .lint
  python3 -m venv .lint
  .lint/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
  cp requirements.txt .lint/.finished
fi
