#!/usr/bin/env python3
"""What headers and descriptors say, by libvhdi, libvmdk and libqcow: kinds, sizes, identities,
parents, extents, snapshots. They judge the structure; contents are compared in the other tests.

Usage: test_header.py IMAGETOOL
"""
import os
import re
import sys

from images import MIB, SECTOR, Tool, call, expect, require_programs, work_folder

TOOL = Tool(sys.argv[1])

VMDK_TYPES = {
    "monolithicSparse": ("Monolithic sparse", "Sparse", "disk.vmdk"),
    "monolithicFlat": ("Monolithic flat", "Flat", "disk-flat.vmdk"),
    "twoGbMaxExtentSparse": ("2GB extent sparse", "Sparse", "disk-s%03d.vmdk"),
    "twoGbMaxExtentFlat": ("2GB extent flat", "Flat", "disk-f%03d.vmdk"),
    "streamOptimized": ("Stream optimized", "Sparse", "disk.vmdk"),
}
PIECE = 2047 * MIB  # of a split VMDK
SPLIT = 2 * PIECE + 5 * MIB


def says(program, path):
    """The lines 'name : value' of a program, in their order."""
    text = call(program, path).decode()
    return [tuple(part.strip() for part in line.split(":", 1))
            for line in text.splitlines() if ":" in line]


def require(lines, path, **wanted):
    found = dict(reversed(lines))  # the first of a name counts: the disk's own
    for name, value in wanted.items():
        name = name.replace("_", " ")
        if name == "Media size":
            match = re.search(r"(\d+) bytes", found.get(name, ""))
            expect(match and int(match[1]) == value, f"{path}: {name}: {found.get(name)}")
        else:
            expect(found.get(name) == value, f"{path}: {name}: {found.get(name)}, not {value}")


def use(path, form, size):
    """A session that writes on both ends of the disk."""
    TOOL.run(path, form, [f"write 0 {SECTOR} 7", f"write {size - SECTOR} {SECTOR} 8"])


def try_vhd(folder):
    """libvhdi shows the size that a disk had at first: nothing is resized here."""
    parent = os.path.join(folder, "base.vhd")
    TOOL.create(parent, "vhd", 5 * MIB)
    for options, kind in (([], "Dynamic"), (["fixed"], "Fixed"),
                          ([f"parent={parent}"], "Differential")):
        path = os.path.join(folder, kind + ".vhd")
        TOOL.create(path, "vhd", 5 * MIB, *options)
        use(path, "vhd", 5 * MIB)
        info = TOOL.info(path, "vhd")
        wanted = {"Format": "VHD (version 1)", "Disk_type": kind, "Media_size": 5 * MIB,
                  "Identifier": info["identity"]}
        if kind == "Differential":
            wanted["Parent_identifier"] = TOOL.info(parent, "vhd")["identity"]
            wanted["Parent_filename"] = "base.vhd"
        require(says("vhdiinfo", path), path, **wanted)


def try_vmdk(folder):
    for subformat, (kind, extent, name) in VMDK_TYPES.items():
        place = os.path.join(folder, subformat)
        os.mkdir(place)
        path = os.path.join(place, "disk.vmdk")
        size = SPLIT if subformat.startswith("twoGb") else 5 * MIB
        TOOL.create(path, "vmdk", size, f"subformat={subformat}")
        if subformat != "streamOptimized":
            use(path, "vmdk", size)
        pieces = [min(PIECE, size - at) for at in range(0, size, PIECE)]
        lines = says("vmdkinfo", path)
        require(lines, path, Disk_type=kind, Media_size=size,
                Content_identifier="0x" + TOOL.info(path, "vmdk")["identity"],
                Parent_content_identifier="0xffffffff", Number_of_extents=str(len(pieces)))
        expect([value for key, value in lines if key == "Type"] == [extent] * len(pieces),
               f"{path}: kinds of extents: {lines}")
        expect([value for key, value in lines if key == "Filename"] ==
               [name % (i + 1) if "%" in name else name for i in range(len(pieces))],
               f"{path}: names of extents: {lines}")
        expect([int(re.search(r"(\d+) bytes", value)[1]) for key, value in lines
                if key == "Size"] == pieces, f"{path}: sizes of extents: {lines}")


def try_vmdk_child(folder):
    parent, child = (os.path.join(folder, name) for name in ("base.vmdk", "child.vmdk"))
    TOOL.create(parent, "vmdk", 5 * MIB)
    use(parent, "vmdk", 5 * MIB)
    TOOL.create(child, "vmdk", 5 * MIB, f"parent={parent}")
    use(child, "vmdk", 5 * MIB)
    require(says("vmdkinfo", child), child, Media_size=5 * MIB, Parent_filename="base.vmdk",
            Content_identifier="0x" + TOOL.info(child, "vmdk")["identity"],
            Parent_content_identifier="0x" + TOOL.info(parent, "vmdk")["identity"])


def try_qcow2(folder):
    """libqcow knows neither extended L2 entries nor Zstandard nor data files."""
    parent = os.path.join(folder, "base.qcow2")
    TOOL.create(parent, "qcow2", 5 * MIB)
    for number, (options, version) in enumerate([(["subformat=v2"], "2"), (["block=512"], "3"),
                                                 ([f"parent={parent}"], "3")]):
        path = os.path.join(folder, f"{number}.qcow2")
        TOOL.create(path, "qcow2", 5 * MIB, *options)
        use(path, "qcow2", 5 * MIB)
        wanted = {"Format_version": version, "Media_size": 5 * MIB, "Encryption_method": "None"}
        if "parent" in options[0]:
            wanted["Backing_filename"] = "base.qcow2"
        require(says("qcowinfo", path), path, Number_of_snapshots="0", **wanted)
        TOOL.run(path, "qcow2", ["snapshot one", "write 0 512 9", "snapshot two"])
        require(says("qcowinfo", path), path, Number_of_snapshots="2", **wanted)
        TOOL.run(path, "qcow2", ["delete one", "delete two", f"resize {7 * MIB}"])
        wanted["Media_size"] = 7 * MIB
        require(says("qcowinfo", path), path, Number_of_snapshots="0", **wanted)


def main():
    require_programs("vhdiinfo", "vmdkinfo", "qcowinfo")
    for trial in (try_vhd, try_vmdk, try_vmdk_child, try_qcow2):
        with work_folder() as folder:
            trial(folder)
            print(f"{trial.__name__}: passed")


main()
