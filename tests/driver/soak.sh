#!/bin/sh
# The soak of the driver's tests, for as long as asked: tests/driver/soak.sh SECONDS [SEED]
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
windows=$root/build/windows-x64
SOAK_SECONDS=$1
SOAK_SEED=${2:-$(date +%s)}
export SOAK_SECONDS SOAK_SEED

trap '"$root/wine/session" stop' EXIT
"$root/wine/session" start
control=$(printf 'Z:%s' "$windows/VirtualDiskControl.exe" | tr / '\\')
work=$(printf 'Z:%s' "$windows/tests/driver/work" | tr / '\\')
# What an interrupted soak has left open comes back with the session.
"$root/wine/session" run "$control" close --all --force
"$root/wine/session" run -t $((SOAK_SECONDS * 2 + 300)) "$windows/tests/driver/driver_tests.exe" \
    "$control" "$work" soak
"$root/tests/driver/check_unload.sh" "$control" "$work"
