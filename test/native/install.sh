#!/usr/bin/env bash
# Installs what the binaries in the package are built and tested with: Zig (scripts/zig/install.sh); QEMU and musl with
# apt, as root, if they are missing; and Debian's C libraries for arm64 in test/native/.arm64 (ignored by git). Existing
# installations are kept.
set -euo pipefail
cd "$(dirname "$0")"

../../scripts/zig/install.sh

missing=()
command -v qemu-aarch64-static >/dev/null || missing+=(qemu-user-static)
[ -e /lib/ld-musl-x86_64.so.1 ] || missing+=(musl)
command -v readelf >/dev/null || missing+=(binutils)
if [ ${#missing[@]} -gt 0 ]; then
  apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"
fi

# With separate lists of packages, so that apt does not consider arm64 for this machine.
if [ ! -e .arm64/.finished ]; then
  rm -rf .arm64
  mkdir -p .arm64/apt/{lists,cache,packages}
  apt=$PWD/.arm64/apt
  apt_arm64() {
    apt-get -qq -o APT::Architecture=arm64 -o APT::Architectures=arm64 -o APT::Sandbox::User=root \
      -o Acquire::Languages=none -o Dir::State::Lists="$apt/lists" -o Dir::Cache="$apt/cache" \
      -o Dir::State::status=/dev/null "$@"
  }
  apt_arm64 update
  (cd "$apt/packages" && apt_arm64 download libc6 musl)
  for package in "$apt"/packages/*.deb; do dpkg-deb --extract "$package" .arm64; done
  rm -rf "$apt"
  touch .arm64/.finished
fi
