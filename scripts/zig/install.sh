#!/usr/bin/env bash
# Installs Zig from PyPI into scripts/zig/.zig (ignored by git, 440 MB): the C compiler for the binaries of the native
# module that the package contains. An existing installation is kept. A Python with venv is installed with apt, as root,
# if it is missing.
set -euo pipefail
cd "$(dirname "$0")"

if ! python3 -c 'import venv, ensurepip' 2>/dev/null; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends python3 python3-venv
fi

# Complete when it has the list that it was created from; an incomplete installation is repeated.
if ! cmp -s .zig/.finished requirements.txt; then
  rm -rf .zig
  python3 -m venv .zig
  .zig/bin/pip install --quiet --disable-pip-version-check --requirement requirements.txt
  cp requirements.txt .zig/.finished
fi
