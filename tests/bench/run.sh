#!/bin/sh
# Measures, as ratios within one run: the volume against a minimal WDM RAM disk and a plain file, in
# one Wine session; then the engine's formats against the file under them and against qemu-img, and
# converting against qemu-img.
#
#   tests/bench/run.sh [--quick]
set -eu

root=$(cd "$(dirname "$0")/../.." && pwd)
windows=$root/build/windows-x64
work=$root/build/bench
session=$root/wine/session
seconds=0.2
[ "${1:-}" != --quick ] || seconds=0.05

trap '"$session" stop' EXIT
rm -rf "$work"
mkdir -p "$work"
"$session" start

windows_path() {
    printf 'Z:%s\n' "$1" | tr / '\\'
}

# A driver that is no PnP device is a service that is started by hand.
"$session" run sc create BenchRamDisk type= kernel binPath= \
    "$(windows_path "$windows/tests/bench/ramdisk.sys")" >"$work/sc.txt" 2>&1 || true
"$session" run sc start BenchRamDisk >>"$work/sc.txt" 2>&1 ||
    { cat "$work/sc.txt" >&2; exit 1; }

head -c 67108864 /dev/zero >"$work/plain.img"
"$session" run "$windows/VirtualDiskControl.exe" open "$(windows_path "$work/volume.img")" 64 \
    --letter V: >/dev/null

echo 'The volume, as a ratio of the same through another device (median, spread of 9 rounds):'
echo '  ramdisk  a WDM driver that copies where the request arrives, which no file-backed one can'
echo '  queued   the same driver handing requests to threads, as ours must'
echo '  file     a plain file, without any driver'
"$session" run -t 600 "$windows/tests/bench/bench_volume.exe" \
    'volume=\\.\V:' 'ramdisk=\\.\BenchRamDisk' 'queued=\\.\BenchRamDiskQueued' \
    "file=$(windows_path "$work/plain.img")" \
    --seconds-per-cell "$seconds"

"$session" run "$windows/VirtualDiskControl.exe" close V: >/dev/null
"$session" run sc stop BenchRamDisk >>"$work/sc.txt" 2>&1
"$session" run sc delete BenchRamDisk >>"$work/sc.txt" 2>&1

for program in bench_image bench_qemu; do
    echo
    "$root/build/linux/tests/bench/$program" ${1:+"$1"}
done
echo
"$root/tests/bench/bench_convert.py" "$root/build/linux/VirtualDiskControl" ${1:+"$1"}
rm -rf "$work"
