#!/bin/sh
# The whole job in front of the reader: a file becomes a Windows volume, is used, and is a file
# again; tools that know nothing of this project say whether everything is there.
#
# VIRTUALDISK_KEEP_SESSION=1 leaves the Wine session running, for a caller that uses it, too.
set -eu

PATH=$PATH:/usr/sbin:/sbin # where the tools for file systems are
root=$(cd "$(dirname "$0")/.." && pwd)
windows=$root/build/windows-x64
work=$root/build/demo
session=$root/wine/session

bold='' dim='' green='' red='' plain=''
if [ -t 1 ]; then
    bold=$(printf '\033[1m') dim=$(printf '\033[2m') green=$(printf '\033[32m')
    red=$(printf '\033[31m') plain=$(printf '\033[0m')
fi

current='starting'
finish() {
    status=$?
    [ -n "${VIRTUALDISK_KEEP_SESSION:-}" ] || "$session" stop || true
    [ $status -eq 0 ] ||
        printf '\n%sThe demo stopped at: %s%s\n' "$red" "$current" "$plain" >&2
}
trap finish EXIT

chapter() {
    current=$1
    printf '\n%s%s%s\n' "$bold" "$1" "$plain"
}

# Says what is done, and does it.
show() {
    printf '%s  $ %s%s\n' "$dim" "$1" "$plain"
    shift
    "$@"
}

verified() {
    printf '  %sok%s  %s\n' "$green" "$plain" "$1"
}

# Output goes through a file, so that the exit status is not lost in a pipe.
in_wine() {
    "$session" run "$@" >"$work/printed" || return
    tr -d '\r' <"$work/printed"
}

indent() {
    sed 's/^/  /' "$1"
}

control() {
    in_wine "$windows/VirtualDiskControl.exe" "$@" >"$work/answer"
    indent "$work/answer"
}

volume() {
    in_wine "$windows/demo/demo_volume.exe" "$@"
}

as_windows_path() {
    printf 'Z:%s\n' "$1" | tr / '\\'
}

rm -rf "$work"
mkdir -p "$work"
cd "$work"
image=$(as_windows_path "$work/disk.img")

chapter 'A Windows session, in Wine'
"$session" start
verified 'services are running; VirtualDisk.sys will be loaded by them, on our KMDF runtime'

chapter '1. A file becomes a volume'
show 'VirtualDiskControl open disk.img 100 --letter V:' control open "$image" 100 --letter V:
[ "$(stat -c %s disk.img)" -eq 104857600 ]
verified 'disk.img is there, 104857600 bytes'

chapter '2. What Windows gets to know about it'
show 'VirtualDiskControl list' control list
show 'ioctls to \\.\V:' volume ask V:

chapter '3. A FAT file system, written through \\.\V:'
show 'format V:' volume format V: DEMO

chapter '4. Files in and out, through \\.\V:'
cp "$root/LICENSE" license.txt
head -c 3000000 /dev/urandom >random.bin
show 'copy LICENSE V:\LICENSE.TXT' volume put V: "$(as_windows_path "$work/license.txt")" LICENSE.TXT
show 'copy random.bin V:\RANDOM.BIN' volume put V: "$(as_windows_path "$work/random.bin")" RANDOM.BIN
show 'copy V:\RANDOM.BIN back.bin' volume get V: RANDOM.BIN "$(as_windows_path "$work/back.bin")"
cmp random.bin back.bin
verified 'what was read back is what was written'

chapter '5. The volume becomes a file again'
show 'VirtualDiskControl close disk.img' control close "$image"
show 'VirtualDiskControl list' control list
if in_wine "$windows/demo/demo_volume.exe" ask V: >/dev/null 2>&1; then
    echo 'V: still answers' >&2
    exit 1
fi
verified 'V: is gone'

chapter '6. The judgement of tools that know nothing of us'
show 'fsck.vfat -n disk.img' sh -c 'fsck.vfat -n disk.img >fsck.txt 2>&1'
indent fsck.txt
verified 'the file system is clean'
show 'mdir -i disk.img' sh -c 'mdir -i disk.img :: >mdir.txt'
indent mdir.txt
mcopy -n -i disk.img ::LICENSE.TXT license.out
mcopy -n -i disk.img ::RANDOM.BIN random.out
cmp license.txt license.out
cmp random.bin random.out
verified 'mtools copies both files out of the image; they are byte for byte what went in'

chapter '7. A disk with two partitions, in a VHDX'
truncate -s 64M table.img
sfdisk -q table.img <<END
label: gpt
label-id: 6D697374-6C65-746F-6573-776568617665
start=2048, size=30M, name="left", type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
size=30M, name="right", type=EBD0A0A2-B9E5-4433-87C0-68B6B72699C7
END
vhdx=$(as_windows_path "$work/pair.vhdx")
show 'VirtualDiskControl convert table.img pair.vhdx' \
    control convert "$(as_windows_path "$work/table.img")" "$vhdx"
show 'VirtualDiskControl open pair.vhdx --letter V: --format-as fat' \
    control open "$vhdx" --letter V: --format-as fat
letter=$("$session" run "$windows/VirtualDiskControl.exe" list --json | tr -d '\r' |
    sed -n 's/.*"letter": "\([^V]:\)".*/\1/p')
[ -n "$letter" ]
show 'copy LICENSE V:\LEFT.TXT' volume put V: "$(as_windows_path "$work/license.txt")" LEFT.TXT
show "copy random.bin $letter\\RIGHT.BIN" \
    volume put "$letter" "$(as_windows_path "$work/random.bin")" RIGHT.BIN
show 'VirtualDiskControl close pair.vhdx' control close "$vhdx"
show 'VirtualDiskControl info pair.vhdx' control info "$vhdx"
qemu-img convert -f vhdx -O raw pair.vhdx pair.raw
mcopy -n -i pair.raw@@1M ::LEFT.TXT left.out
mcopy -n -i pair.raw@@31M ::RIGHT.BIN right.out
cmp license.txt left.out
cmp random.bin right.out
verified 'qemu-img reads the VHDX, mtools the two file systems: each has its file'

chapter '8. A child that holds what is different, and leaves its parent alone'
sha256sum pair.vhdx >parent.sum
child=$(as_windows_path "$work/child.vhdx")
show 'VirtualDiskControl create child.vhdx --parent pair.vhdx' \
    control create "$child" --parent "$vhdx"
show 'VirtualDiskControl open child.vhdx --partition 1 --letter V:' \
    control open "$child" --partition 1 --letter V:
show 'copy random.bin V:\MORE.BIN' volume put V: "$(as_windows_path "$work/random.bin")" MORE.BIN
show 'VirtualDiskControl close child.vhdx' control close "$child"
"$session" run "$windows/VirtualDiskControl.exe" read "$child" >child.raw
mcopy -n -i child.raw@@1M ::LEFT.TXT ::MORE.BIN .
cmp license.txt LEFT.TXT
cmp random.bin MORE.BIN
verified 'the child shows the old file and the new one'
sha256sum --status -c parent.sum
verified 'the parent is byte for byte what it was'

chapter '9. An overlay that is thrown away'
overlay=$(as_windows_path "$work/over.qcow2")
show 'VirtualDiskControl open pair.vhdx --partition 1 --overlay over.qcow2 --letter V:' \
    control open "$vhdx" --partition 1 --overlay "$overlay" --letter V:
show 'copy random.bin V:\GONE.BIN' volume put V: "$(as_windows_path "$work/random.bin")" GONE.BIN
show 'VirtualDiskControl close pair.vhdx --discard' control close "$vhdx" --discard
[ ! -e over.qcow2 ]
sha256sum --status -c parent.sum
verified 'over.qcow2 is gone, and pair.vhdx is what it was'

chapter '10. A CD'
mkdir -p cd
cp license.txt random.bin cd/
xorriso -as mkisofs -quiet -V HOLIDAYS -J -o cd.iso cd 2>xorriso.txt
iso=$(as_windows_path "$work/cd.iso")
show 'VirtualDiskControl open cd.iso --letter V:' control open "$iso" --letter V:
show 'ioctls to \\.\V:' volume ask V:
show 'VirtualDiskControl list' control list
show 'read all of V: into saved.iso' volume save V: "$(as_windows_path "$work/saved.iso")"
cmp cd.iso saved.iso
verified 'the CD holds what the file holds'
show 'VirtualDiskControl close V:' control close V:

printf '\n%sEvery step was verified.%s\n' "$green" "$plain"
