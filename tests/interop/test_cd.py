#!/usr/bin/env python3
"""CDs and DVDs: what xorriso and mkudffs make is recognised, and every container of a track gives
the same bytes as the ISO image that was put into it.

Usage: test_cd.py IMAGETOOL
"""

import os
import sys

from images import MIB, Tool, call, expect, require_programs, work_folder
from reference import cd

TOOL = Tool(sys.argv[1])
XORRISO = ("xorriso", "-drive_class", "harmless", "/dev/shm", "-report_about", "FATAL")


def make_iso(folder, *options):
    """A volume with some files; the path of its image."""
    tree, path = os.path.join(folder, "tree"), os.path.join(folder, "disc.iso")
    os.makedirs(tree, exist_ok=True)
    for number in range(4):
        with open(os.path.join(tree, f"FILE{number}.TXT"), "wb") as file:
            file.write(bytes(range(256)) * (700 * number + 3))
    if os.path.exists(path):
        os.remove(path)
    call(*XORRISO, "-outdev", path, "-volid", "DISC", "-map", tree, "/",
         *options)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def write(folder, name, content):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(content)
    return path


def probed(path):
    lines = TOOL("info", path).decode().splitlines()
    return dict(line.partition(" ")[::2] for line in lines)


def judge(path, form, content, **values):
    """Probed and named, the disk has this content."""
    for name in (None, form):
        arguments = [path] if name is None else [path, name]
        found = TOOL("cat", *arguments)
        expect(found == content, f"{path} as {name}: the content differs")
    lines = probed(path)
    expect(lines["format"] == form, f"{path} is taken for {lines['format']}")
    for key, value in values.items():
        expect(lines[key] == value, f"{path}: {key} is {lines[key]}")


def is_raw(path):
    form = probed(path)["format"]
    expect(form == "raw", f"{path} is taken for {form}")


def padded(content):
    return content + bytes(-len(content) % cd.USER)


def volumes(folder):
    """ISO 9660, alone and as hybrids with partition tables."""
    part = write(folder, "efi.img", bytes(1 * MIB))
    for options in ([], ["-boot_image", "any", "partition_table=on"],
                    ["-boot_image", "any", "partition_offset=16"],
                    ["-append_partition", "2", "0xef", part],
                    ["-append_partition", "2", "0xef", part,
                     "-boot_image", "any", "appended_part_as=gpt"]):
        path = make_iso(folder, *options)
        content = read(path)
        judge(path, "iso", padded(content))
        for cut in (512, 100):  # images of hybrids end on sectors of 512 bytes, damaged ones anywhere
            judge(write(folder, "cut.iso", content[:-cut]), "iso", padded(content[:-cut]))


def sessions(folder):
    """A disc that was written to twice."""
    path = make_iso(folder)
    call(*XORRISO, "-dev", path, "-map", "/etc/hostname", "/MORE.TXT")
    judge(path, "iso", read(path))


def udf(folder):
    for media, block, form in (("dvd", 2048, "iso"), ("bdr", 2048, "iso"), ("cdrw", 2048, "iso"),
                               ("hd", 512, "raw"), ("hd", 4096, "raw")):
        path = write(folder, "volume.udf", b"")
        os.truncate(path, 16 * MIB)
        call("mkudffs", f"--media-type={media}", f"--blocksize={block}", path)
        if form == "iso":
            judge(path, "iso", read(path))
        else:
            is_raw(path)


def former(folder):
    """A stick that had held a CD, and was partitioned for something else."""
    content = bytearray(read(make_iso(folder)))
    content += bytes(2 * len(content))
    content += bytes(-len(content) % MIB)
    path = write(folder, "stick.img", content)
    call("sfdisk", "-q", "--wipe=never", path, data=b"start=2048, type=7\n")
    is_raw(path)
    with open(path, "r+b") as file:  # a volume, whose second cluster is a piece of such an image
        file.write(bytes(512))
    expect(probed(path)["format"] == "iso", "the marks are gone")
    call("mkfs.vfat", "-R", "8", "--mbr=n", path)
    with open(path, "r+b") as file:
        file.seek(32768)
        file.write(b"\1CD001\1")
    is_raw(path)


KINDS = [("MODE1", 2048), ("MODE1", 2352), ("MODE2", 2336), ("MODE2", 2352), ("MODE1", 2448),
         ("MODE2", 2448), ("MODE2", 2048)]


def sheets(folder, content):
    def check(files, mode, without=()):
        text, parts = cd.cue(files)
        for name, part in parts.items():
            if name not in without:
                write(folder, name, part)
        judge(write(folder, "disc.cue", text.encode()), "cue", content, subformat=mode)

    song = ("AUDIO", 2352, cd.sound(200, 3))
    for kind, stored in KINDS:
        track = (kind, stored, content)
        mode = f"{kind}/{stored}"
        check([("my disc.bin", [(track, 0)])], mode)
        check([("disc.bin", [(track, 150), (song, 150), (song, 0)])], mode)
        check([("disc.bin", [(song, 0), (track, 75), (song, 30)])], mode)
        check([("a.bin", [(song, 0)]), ("b.bin", [(track, 0)]), ("c.bin", [(song, 150)])], mode,
              without=("a.bin", "c.bin"))  # what is not needed need not be there


def raw_files(folder, content):
    for kind, stored in KINDS:
        if stored < 2352:
            continue
        track = (kind, stored, content)
        path = write(folder, "disc.bin", cd.stored_track(track, 0))
        judge(path, "bin", content, subformat=f"{kind}/{stored}")
    os.truncate(path, os.path.getsize(path) - 1)  # the last sector is not whole
    judge(path, "bin", content[:-cd.USER])


def nero(folder, content):
    song = ("AUDIO", 2352, cd.sound(20, 5))
    for kind, stored in KINDS:
        track = (kind, stored, content)
        for tracks in ([track], [track, song], [song, track, song]):
            for wide in (False, True):
                for at_once in (False, True):
                    path = write(folder, "disc.nrg", cd.nrg(tracks, wide, at_once))
                    judge(path, "nrg", content, subformat=f"{kind}/{stored}")


def alcohol(folder, content):
    song = ("AUDIO", 2352, cd.sound(20, 5))
    for kind, stored in KINDS:
        track = (kind, stored, content)
        for tracks in ([track], [track, song], [song, track, song]):
            text, data = cd.mds(tracks)
            write(folder, "my.disc.mdf", data)
            judge(write(folder, "my.disc.mds", text), "mds", content, subformat=f"{kind}/{stored}")
        if stored >= 2352:
            judge(write(folder, "alone.mdf", cd.stored_track(track, 0)), "bin", content)
    text, data = cd.mds([("MODE1", 2048, content)], ("Füße.mdf",), wide_names=True)
    write(folder, "Füße.mdf", data)
    judge(write(folder, "wide.mds", text), "mds", content)
    names = ["part.mdf", "part.md1", "part.md2"]
    text, data = cd.mds([("MODE1", 2048, content)], names, dvd=True)
    for number, name in enumerate(names):
        write(folder, name, data[number * 409600:(number + 1) * 409600 if number < 2 else None])
    judge(write(folder, "dvd.mds", text), "mds", content)


def main():
    require_programs("xorriso", "mkudffs", "sfdisk", "mkfs.vfat")
    for test in (volumes, sessions, udf, former):
        with work_folder() as folder:
            test(folder)
        print(test.__name__, "passed")
    with work_folder() as folder:
        content = read(make_iso(folder))
        for test in (sheets, raw_files, nero, alcohol):
            test(folder, content)
            print(test.__name__, "passed")


if __name__ == "__main__":
    main()
