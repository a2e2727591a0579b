#!/bin/sh
# Runs the demo, and compares what it prints with the picture of it in the README and, for its second
# act, in docs/demo.md. What differs from machine to machine is shown there as "...".
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

VIRTUALDISK_KEEP_SESSION=1 "$root/demo/demo.sh" >"$folder/printed" 2>"$folder/errors" || {
    cat "$folder/printed" "$folder/errors"
    exit 1
}
sed -e 's/Z:\\.*\\build\\demo/Z:\\...\\build\\demo/' \
    -e 's/#[0-9a-f]\{16\}\(p[0-9]\)\{0,1\}#/#...\1#/' \
    -e 's/\(Identity: *\).*/\1.../' \
    -e 's/\(unique id *\).*/\1.../' \
    -e 's/\(device *type 7, number \).*/\1.../' \
    -e 's/\(Serial Number is \).*/\1.../' \
    -e 's/VirtualDisk-[0-9]*/VirtualDisk-0/' \
    -e 's/ *$//' "$folder/printed" | sed 1d >"$folder/shown"
sed -n '/^<!-- demo -->$/,/^<!-- end of demo -->$/p' "$root/README.md" "$root/docs/demo.md" |
    sed -e '/^<!--/d' -e '/^```$/d' >"$folder/expected"
if [ "${VIRTUALDISK_UPDATE:-}" = 1 ]; then
    cat "$folder/shown"
    exit 0
fi
diff -u "$folder/expected" "$folder/shown"
