#!/bin/sh
# The Windows build of the program, in the Wine session that runs.
root=$(cd "$(dirname "$0")/../../.." && pwd)
exec "$root/wine/session" run "${VIRTUALDISK_BUILD:-$root/build/windows-x64}/VirtualDiskControl.exe" "$@"
