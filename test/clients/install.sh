#!/usr/bin/env bash
# Installs the lab's clients outside npm, each from its own registry, into test/clients/.lab (ignored by git).
#
#   test/clients/install.sh [python] [java] [rclone]     all three by default
#
# Existing installations are kept. Missing tools (a Python with venv, a JDK, Maven, rclone) are installed with apt, as root.
set -euo pipefail
cd "$(dirname "$0")"
lab=$PWD/.lab
mkdir -p "$lab"
[ $# -gt 0 ] || set -- python java rclone

apt_updated=
from_apt() {
  [ -n "$apt_updated" ] || apt-get update -qq
  apt_updated=yes
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "$@"
}

# A folder is complete when it has the file that it was created from; an incomplete installation is repeated.
is_finished() { [ -f "$1/.finished" ] && cmp -s "$1/.finished" "$2"; }
finish() { cp "$2" "$1/.finished"; }

python_environment() { # NAME REQUIREMENTS
  local at=$lab/$1
  if is_finished "$at" "$2"; then return; fi
  rm -rf "$at"
  python3 -m venv "$at"
  "$at/bin/pip" install --quiet --disable-pip-version-check --requirement "$2"
  finish "$at" "$2"
}

install_python() {
  python3 -c 'import venv, ensurepip' 2>/dev/null || from_apt python3 python3-venv
  python_environment python-10 python/requirements-10.txt
  python_environment python-3 python/requirements-3.txt
}

jars() { # NAME POM
  local at=$lab/$1
  if is_finished "$at" "$2"; then return; fi
  rm -rf "$at"
  mvn --batch-mode --quiet --file "$2" org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies \
    -DincludeScope=runtime -DoutputDirectory="$at"
  finish "$at" "$2"
}

install_java() {
  command -v javac >/dev/null && command -v keytool >/dev/null || from_apt default-jdk-headless
  command -v mvn >/dev/null || from_apt maven
  jars java-10 java/pom-10.xml
  jars java-4 java/pom-4.xml
}

install_rclone() {
  command -v rclone >/dev/null || from_apt rclone
  # The lab checks only one path.
  ln -sfn "$(command -v rclone)" "$lab/rclone"
}

for what in "$@"; do
  case $what in
    python | java | rclone) "install_$what" ;;
    *) echo "install.sh: $what is none of python, java, rclone" >&2; exit 2 ;;
  esac
done
