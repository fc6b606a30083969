#!/usr/bin/env bash
# Uploads a file in parts, with nothing but bash, curl and openssl.
#
#   PARTWAY_TOKEN=<access token> examples/upload.sh FILE
#
#   PARTWAY_URL      the server's address                  (http://127.0.0.1:4400)
#   PARTWAY_FOLDER   the id of the folder to upload into   (0, the root folder)
#   PARTWAY_NAME     the name the file shall have there    (the name of FILE)
#   PARTWAY_RETRIES  how often a failed call is sent again (5)
#   CURL_CA_BUNDLE   the certificate to trust, for https with a certificate of your own
#
# The parts are sent one after the other. A part that fails on the way is sent again: a part that was stored already
# is answered as it was the first time, so nothing can go wrong by that.
set -euo pipefail

fail() { echo "upload.sh: $*" >&2; exit 1; }

[ $# -eq 1 ] || fail 'usage: PARTWAY_TOKEN=<access token> upload.sh FILE'
file=$1
url=${PARTWAY_URL:-http://127.0.0.1:4400}
folder=${PARTWAY_FOLDER:-0}
retries=${PARTWAY_RETRIES:-5}
name=${PARTWAY_NAME:-$(basename -- "$file")}
[ -f "$file" ] && [ -r "$file" ] || fail "$file is not a file that can be read"
[ -n "${PARTWAY_TOKEN:-}" ] || fail 'PARTWAY_TOKEN is not set (the server prints a developer token when it starts)'
for tool in curl openssl base64 sed grep dd; do command -v "$tool" >/dev/null || fail "$tool is not installed"; done
case $name in *[[:cntrl:]]*) fail 'the name has a control character in it' ;; esac

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
umask 077
printf 'header = "Authorization: Bearer %s"\n' "$PARTWAY_TOKEN" >"$work/token" # not on a command line, where ps shows it

# call WHAT STATUS CURL-ARGUMENTS…: the answer's body is left in $work/answer; any other status ends the script.
call() {
  local what=$1 wanted=$2 status
  shift 2
  status=$(curl -sS --config "$work/token" --retry "$retries" --retry-all-errors -o "$work/answer" -w '%{http_code}' "$@") ||
    fail "$what failed: no answer from $url"
  [ "$status" = "$wanted" ] || fail "$what failed: $status $(text code) $(text message)"
}

# The value of a JSON field in the last answer: a string, a number.
text() { sed -n "s/.*\"$1\": *\"\([^\"]*\)\".*/\1/p" "$work/answer" | head -n 1; }
number() { sed -n "s/.*\"$1\": *\([0-9][0-9]*\).*/\1/p" "$work/answer" | head -n 1; }

json_string() { printf '"%s"' "$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')"; }

digest() { openssl sha1 -binary "$1" | base64; }

size=$(wc -c <"$file" | tr -d ' ')
call 'Creating the upload session' 201 -X POST "$url/2.0/files/upload_sessions" \
  -H 'Content-Type: application/json' \
  -d "{\"folder_id\": \"$folder\", \"file_size\": $size, \"file_name\": $(json_string "$name")}"
part_url=$(text upload_part)
commit_url=$(text commit)
part_size=$(number part_size)
total=$(number total_parts)
[ -n "$part_url" ] && [ -n "$commit_url" ] && [ -n "$part_size" ] && [ -n "$total" ] ||
  fail "the server's answer is not an upload session: $(cat "$work/answer")"

for ((index = 0; index < total; index++)); do
  first=$((index * part_size))
  dd if="$file" of="$work/part" bs="$part_size" skip="$index" count=1 2>"$work/dd" || fail "$(cat "$work/dd")"
  last=$((first + $(wc -c <"$work/part") - 1))
  call "Part $((index + 1)) of $total" 200 -X PUT "$part_url" \
    -H "Digest: sha=$(digest "$work/part")" \
    -H "Content-Range: bytes $first-$last/$size" \
    -H 'Content-Type: application/octet-stream' \
    --data-binary @"$work/part"
  grep -q '"part_id"' "$work/answer" || fail "the server's answer is not a part: $(cat "$work/answer")"
  sed 's/^ *{ *"part": *\({.*}\) *}[^}]*$/\1/' "$work/answer" | tr '\n' ' ' >"$work/stored"
  if [ "$index" -eq 0 ]; then printf '{"parts": [' >"$work/commit"; else printf ',' >>"$work/commit"; fi
  cat "$work/stored" >>"$work/commit"
  echo "part $((index + 1)) of $total" >&2
done
printf ']}' >>"$work/commit"

call 'The commit' 201 -X POST "$commit_url" \
  -H "Digest: sha=$(digest "$file")" \
  -H 'Content-Type: application/json' \
  --data-binary @"$work/commit"
cat "$work/answer"
echo
