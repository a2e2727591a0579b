"""File systems and containers made by the programs they belong to, recognised by the engine."""

import os
import random
import sys

from images import KIB, MIB, Tool, call, expect, require_programs, work_folder

TOOL = Tool(sys.argv[1])
LABEL = "Größe Ωя"


def judge(path, name, label="", sector=512):
    said = TOOL("content", path, "raw", sector).decode().rstrip("\n").split("\t")
    expect(said == [name, label], f"{path} holds {name} '{label}', not {said}")


def blank(folder, name, size):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.truncate(size)
    return path


def fat(folder):
    for bits, size, *options in ((12, MIB), (16, 16 * MIB), (32, 64 * MIB),
                                 (16, 64 * MIB, "-S", "4096"), (32, 300 * MIB, "-S", "2048")):
        path = blank(folder, f"fat{bits}", size)
        call("mkfs.vfat", "-F", str(bits), "-n", "MY DISK", *options, path)
        judge(path, f"FAT{bits}", "MY DISK", 4096 if "4096" in options else 512)
        call("fatlabel", path, "OTHER")
        judge(path, f"FAT{bits}", "OTHER")
        os.remove(path)
        path = blank(folder, f"fat{bits}", size)
        call("mkfs.vfat", "-F", str(bits), *options, path)
        judge(path, f"FAT{bits}")


def fat_label_in_directory(folder):
    """The root directory counts, not what the boot sector says."""
    path = blank(folder, "renamed", 16 * MIB)
    call("mkfs.vfat", "-n", "OLD", path)
    with open(path, "rb") as file:
        image = file.read()
    at = image.index(b"OLD        ", 512)
    with open(path, "r+b") as file:
        file.seek(at)
        file.write(b"N\x84W\x1bLABEL  ")
    judge(path, "FAT16", "N?W?LABEL")


def exfat(folder):
    path = blank(folder, "exfat", 16 * MIB)
    call("mkfs.exfat", "-L", LABEL, path)
    judge(path, "exFAT", LABEL)
    call("mkfs.exfat", path)
    judge(path, "exFAT")


def ntfs(folder):
    for cluster in (512, 4096, 65536):
        path = blank(folder, f"ntfs{cluster}", 32 * MIB)
        call("mkfs.ntfs", "-F", "-Q", "-c", str(cluster), "-L", LABEL, path)
        judge(path, "NTFS", LABEL)
    path = blank(folder, "ntfs.4k", 32 * MIB)
    call("mkfs.ntfs", "-F", "-Q", "-s", "4096", "-L", LABEL, path)
    judge(path, "NTFS", LABEL)
    judge(path, "NTFS", LABEL, 4096)
    call("mkfs.ntfs", "-F", "-Q", path)
    judge(path, "NTFS")


def linux(folder):
    for kind in ("ext2", "ext3", "ext4"):
        path = blank(folder, kind, 8 * MIB)
        call("mke2fs", "-q", "-F", "-t", kind, "-L", LABEL, path)
        judge(path, kind, LABEL)
    path = blank(folder, "xfs", 300 * MIB)
    call("mkfs.xfs", "-q", "-L", "äöü", path)
    judge(path, "XFS", "äöü")
    path = blank(folder, "btrfs", 128 * MIB)
    call("mkfs.btrfs", "-q", "-L", LABEL * 10, path)
    judge(path, "Btrfs", "Größe Ωя" * 10)
    path = blank(folder, "swap", MIB)
    call("mkswap", "-q", "-L", "my swap", path)
    judge(path, "Linux swap", "my swap")


def luks(folder):
    fast = ("--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--batch-mode", "-d", "-")
    path = blank(folder, "luks1", 20 * MIB)
    call("cryptsetup", "luksFormat", "--type", "luks1", *fast, path, data=b"secret")
    judge(path, "LUKS1")
    path = blank(folder, "luks2", 20 * MIB)
    call("cryptsetup", "luksFormat", "--type", "luks2", "--label", LABEL, *fast, path,
         data=b"secret")
    judge(path, "LUKS2", LABEL)


def optical(folder):
    files = os.path.join(folder, "files")
    os.mkdir(files)
    with open(os.path.join(files, "file"), "wb") as file:
        file.write(bytes(5000))
    path = os.path.join(folder, "plain.iso")
    call("xorriso", "-as", "mkisofs", "-quiet", "-V", "PLAIN_DISC", "-o", path, files)
    judge(path, "ISO 9660", "PLAIN_DISC")
    judge(path, "ISO 9660", "PLAIN_DISC", 4096)
    path = os.path.join(folder, "joliet.iso")
    call("xorriso", "-as", "mkisofs", "-quiet", "-J", "-V", "Joliet Disc", "-o", path, files)
    judge(path, "ISO 9660", "Joliet Disc")
    for block, media in ((2048, "dvdrw"), (512, "hd"), (4096, "hd")):
        path = blank(folder, f"udf{block}", 32 * MIB)
        call("mkudffs", "-b", str(block), "-m", media, "--lvid", LABEL, path)
        judge(path, "UDF", LABEL)
        call("mkudffs", "-b", str(block), "-m", media, "--lvid", "größe", path)
        judge(path, "UDF", "größe")


def nothing(folder):
    judge(blank(folder, "short", 512), "empty")
    judge(blank(folder, "empty", 2 * MIB), "empty")
    path = blank(folder, "late", 2 * MIB)
    with open(path, "r+b") as file:
        file.seek(MIB - 1)
        file.write(b"x")
    judge(path, "unknown")
    with open(path, "wb") as file:
        file.write(random.Random(1).randbytes(200 * KIB))
    judge(path, "unknown")


def main():
    require_programs("mkfs.vfat", "fatlabel", "mkfs.exfat", "mkfs.ntfs", "mke2fs", "mkfs.xfs",
                     "mkfs.btrfs", "mkswap", "cryptsetup", "xorriso", "mkudffs")
    for test in (fat, fat_label_in_directory, exfat, ntfs, linux, luks, optical, nothing):
        with work_folder() as folder:
            test(folder)
        print(test.__name__, "passed")


if __name__ == "__main__":
    main()
