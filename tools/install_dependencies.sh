#!/bin/sh
# Installs the Debian packages that building and testing need, and says which. Does nothing, and
# needs no rights, when all of them are there.
set -eu

packages='
    clang clang-format llvm lld cmake ninja-build python3 binutils
    gcc libc6-dev libclang-rt-14-dev
    mingw-w64 mingw-w64-tools libz-mingw-w64-dev
    zlib1g-dev libzstd-dev libcmocka-dev
    wine wine64
    qemu-utils mtools dosfstools exfatprogs e2fsprogs fdisk
    ntfs-3g xfsprogs btrfs-progs xorriso udftools cryptsetup-bin
    libvhdi-utils libvmdk-utils libqcow-utils
    osslsigncode openssl xz-utils'

missing=
for package in $packages; do
    state=$(dpkg-query -W -f '${Status}' "$package" 2>/dev/null || true)
    [ "$state" = 'install ok installed' ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

echo "Installing Debian packages:$missing"
as_root=
if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null; then
        echo "$0: run it as root, or install sudo: these packages are missing:$missing" >&2
        exit 1
    fi
    as_root=sudo
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
# shellcheck disable=SC2086 # the list is meant to be split
if ! { $as_root apt-get update &&
       $as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
           $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "$0: apt-get could not install:$missing" >&2
    exit 1
fi
