#!/bin/sh
# check_filesystems.sh MAKE-FILESYSTEM FOLDER: file systems of many sizes, judged by fsck.
set -eu

make_filesystem=$1
folder=$2
image=$folder/filesystem.img
mkdir -p "$folder"
trap 'rm -f "$image"' EXIT

check() { # kind, checker, bytes, sector bytes
    rm -f "$image"
    "$make_filesystem" "$1" "$image" "$3" "$4"
    "$2" -n "$image" >"$folder/fsck.txt" 2>&1 || {
        echo "$2 is not content with $1, $3 bytes, sectors of $4:"
        cat "$folder/fsck.txt"
        exit 1
    }
}

refuse() { # kind, bytes
    rm -f "$image"
    if "$make_filesystem" "$1" "$image" "$2" 512 2>/dev/null; then
        echo "$1 of $2 bytes was made, though it is too small"
        exit 1
    fi
}

for sector in 512 4096; do
    # Around the borders between FAT12, FAT16 and FAT32, and between cluster sizes.
    for bytes in 1048576 4194304 4198400 16777216 16781312 134217728 134221824 268439552 \
        536870912 536875008 8589934592 8589938688 34359742464; do
        check fat fsck.vfat $bytes $sector
    done
    for bytes in 1048576 5242880 268435456 268439552 34359738368 34359742464; do
        check exfat fsck.exfat $bytes $sector
    done
done
check fat fsck.vfat 65536 512
check fat fsck.vfat 1474560 512
refuse fat 32768
refuse exfat 524288
echo 'fsck.vfat and fsck.exfat are content'
