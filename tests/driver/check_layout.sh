#!/bin/sh
# A session's processes have no random address space, in which one in thousands finds no room.
set -eu

session=$(cd "$(dirname "$0")/../.." && pwd)/wine/session
no_random=262144 # ADDR_NO_RANDOMIZE

if ! setarch -R true; then
    echo 'skipped: this machine does not let a program have its address space without randomisation'
    exit 77
fi
personality=$("$session" run cmd /c type 'Z:\proc\self\personality' | tr -d '\r')
[ $((0x$personality & no_random)) -eq $no_random ] || {
    echo "the personality of a process is $personality" >&2
    exit 1
}
