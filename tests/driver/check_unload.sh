#!/bin/sh
# After all cases: the driver is unloaded, and the runtime's log says that nothing leaked and no
# rule was broken.
#
#   check_unload.sh <VirtualDiskControl.exe> <folder for an image, as Windows calls it>
set -eu

session=$(cd "$(dirname "$0")/../.." && pwd)/wine/session
log=$(mktemp)
trap 'rm -f "$log"' EXIT

# Whatever ran before: there is a driver to unload.
"$session" run "$1" open "$2\\unload.img" 1 --no-letter >"$log"
"$session" run "$1" close "$2\\unload.img" >"$log"
"$session" run sc stop VirtualDisk >"$log" || {
    echo 'the driver cannot be stopped:' >&2
    cat "$log" >&2
    exit 1
}
"$session" log >"$log"
if grep 'STOP' "$log"; then
    echo 'the runtime stopped a driver' >&2
    exit 1
fi
grep 'VirtualDisk.*unloaded.*none leaked' "$log" || {
    echo 'no word that the driver was unloaded without leaks; the log says:' >&2
    cat "$log" >&2
    exit 1
}
