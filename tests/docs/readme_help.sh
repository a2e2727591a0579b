#!/bin/sh
# readme_help.sh PROGRAM: the README shows what `help` prints.
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

"$1" help >"$folder/printed"
sed -n '/^<!-- help -->$/,/^<!-- end of help -->$/p' "$root/README.md" |
    sed -e '/^<!--/d' -e '/^```$/d' >"$folder/expected"
diff -u "$folder/expected" "$folder/printed"
