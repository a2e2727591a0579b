#!/usr/bin/env python3
"""VHD against qemu in both directions, libvhdi, and a reader by the specification where they are
blind: bitmaps, differencing chains.

Usage: test_vhd.py IMAGETOOL
"""

import hashlib
import os
import struct
import sys

from images import KIB, MIB, Model, Tool, call, expect, qemu_content, real_image, require_programs, \
    work_folder
from reference import vhd

TOOL = Tool(sys.argv[1])


def judge(path, model, folder, qemu=True):
    """All readers agree with the model, and nothing is wrong with the image."""
    TOOL.is_clean(path, "vhd")
    model.require(TOOL.content(path, "vhd"), "engine")
    model.require(vhd.Image(path).content(), "reference")
    if qemu:
        model.require(qemu_content(path, "vpc", folder), "qemu")


def ours_read_by_others(folder):
    for number, (size, options) in enumerate([(9 * MIB + 512, []), (5 * MIB, ["block=524288"]),
                                              (3 * MIB + 1024, ["fixed"]), (2 * MIB, ["block=65536"]),
                                              (4 * MIB, ["subformat=fixed"])]):
        path = os.path.join(folder, f"ours{number}.vhd")
        model = Model(size, number)
        TOOL.create(path, "vhd", size, *options)
        judge(path, model, folder)
        for _ in range(3):
            TOOL.run(path, "vhd", model.tool_script(12))
            judge(path, model, folder)
        media = call("vhdiinfo", path).decode()
        expect(f"({size} bytes)" in media, f"libvhdi sees another size: {media}")


def grown_and_shrunk(folder):
    for number, options in enumerate([["block=65536"], [], ["fixed"]]):
        path = os.path.join(folder, f"resized{number}.vhd")
        model = Model(3 * MIB + 512, 50 + number)
        TOOL.create(path, "vhd", len(model.bytes), *options)
        for size in (7 * MIB, 9 * MIB + 1536, 2 * MIB + 512, 12 * MIB, 5 * MIB):
            script = model.tool_script(6) + [f"resize {size}"]
            model.resize(size)
            TOOL.run(path, "vhd", script + model.tool_script(4))
            TOOL.is_clean(path, "vhd", leaks=True)
            model.require(TOOL.content(path, "vhd"), "engine")
            model.require(vhd.Image(path).content(), "reference")
            model.require(qemu_content(path, "vpc", folder), "qemu")


def others_read_by_ours(folder):
    for number, options in enumerate(["subformat=dynamic", "subformat=fixed",
                                      "subformat=dynamic,force_size=on"]):
        path = os.path.join(folder, f"qemu{number}.vhd")
        call("qemu-img", "create", "-f", "vpc", "-o", options, path, str(11 * MIB))
        model = Model(int(TOOL.info(path, "vhd")["virtual_size"]), 100 + number)
        for _ in range(3):
            call("qemu-io", "-f", "vpc", *model.qemu_commands(8), path)
            model.require(TOOL.content(path, "vhd"), "engine after qemu")
            TOOL.is_clean(path, "vhd")
            TOOL.run(path, "vhd", model.tool_script(8))
            model.require(TOOL.content(path, "vhd"), "engine")
            model.require(qemu_content(path, "vpc", folder), "qemu after engine")


def chains(folder):
    """The parent of the parent is read through both; sizes differ; a parent may be fixed."""
    size = 6 * MIB + 512
    for number, kind in enumerate(["block=65536", "fixed"]):
        names = [os.path.join(folder, f"chain{number}-{depth}.vhd") for depth in range(3)]
        model = Model(size, 200 + number)
        TOOL.create(names[0], "vhd", size, kind)
        TOOL.run(names[0], "vhd", model.tool_script(8))
        for parent, child in zip(names, names[1:]):
            TOOL.create(child, "vhd", 0, f"parent={parent}", "block=65536")
            judge(child, model, folder, qemu=False)
            TOOL.run(child, "vhd", model.tool_script(10))
            judge(child, model, folder, qemu=False)
        larger = size + 3 * MIB
        TOOL.run(names[2], "vhd", [f"resize {larger}"])
        model.resize(larger)
        TOOL.run(names[2], "vhd", model.tool_script(10))
        judge(names[2], model, folder, qemu=False)
        smaller = 2 * MIB
        TOOL.run(names[2], "vhd", [f"resize {smaller}", f"resize {size}"])
        model.resize(smaller)
        model.resize(size)
        model.require(TOOL.content(names[2], "vhd"), "engine")
        model.require(vhd.Image(names[2]).content(), "reference")


def other_parent(folder):
    """A child finds a parent that was renamed when it is told, and refuses another image."""
    names = [os.path.join(folder, name) for name in ("a.vhd", "b.vhd", "other.vhd", "child.vhd")]
    TOOL.create(names[0], "vhd", 2 * MIB)
    TOOL.run(names[0], "vhd", ["write 0 4096 7"])
    TOOL.create(names[2], "vhd", 2 * MIB)
    TOOL.create(names[3], "vhd", 0, f"parent={names[0]}")
    TOOL.run(names[3], "vhd", ["write 4096 512 9"])
    os.rename(names[0], names[1])
    TOOL("cat", names[3], "vhd", codes=(1,))
    os.rename(names[2], names[0])
    TOOL("cat", names[3], "vhd", codes=(1,))
    os.rename(names[0], names[2])
    os.symlink(names[1], names[0])
    TOOL.run(names[3], "vhd", [f"parent {names[1]}"])
    os.unlink(names[0])
    model = Model(2 * MIB, 0)
    model.fill(0, 4096, 7)
    model.fill(4096, 512, 9)
    judge(names[3], model, folder, qemu=False)


def bitmaps(folder):
    """A sector whose bit is clear is zeros, whatever the file holds; writing sets the bit."""
    path = os.path.join(folder, "bitmap.vhd")
    model = Model(2 * MIB, 300)
    TOOL.create(path, "vhd", len(model.bytes), "block=65536")
    TOOL.run(path, "vhd", [f"write 0 {2 * MIB} 85"])
    model.fill(0, 2 * MIB, 85)
    image = vhd.Image(path)
    with open(path, "r+b") as file:
        for block, entry in enumerate(image.table):
            bits = model.random.getrandbits(128)
            file.seek(entry * 512)
            file.write(struct.pack(">QQ", bits >> 64, bits & 2 ** 64 - 1))
            for sector in range(128):
                if not bits >> (127 - sector) & 1:
                    model.fill(block * 64 * KIB + sector * 512, 512, 0)
    judge(path, model, folder, qemu=False)
    for _ in range(3):
        TOOL.run(path, "vhd", model.tool_script(10))
        judge(path, model, folder, qemu=False)


def lost_footers(folder):
    """Either footer alone is enough; the next write restores the other one."""
    path = os.path.join(folder, "footer.vhd")
    for where in (0, None):
        model = Model(3 * MIB, 400)
        if os.path.exists(path):
            os.unlink(path)
        TOOL.create(path, "vhd", len(model.bytes))
        TOOL.run(path, "vhd", model.tool_script(6))
        with open(path, "r+b") as file:
            file.seek(os.path.getsize(path) - 512 if where is None else where)
            file.write(bytes(512))
        model.require(TOOL.content(path, "vhd"), "engine without a footer")
        TOOL.run(path, "vhd", model.tool_script(4) + ["write 0 512 1"])
        model.fill(0, 512, 1)
        judge(path, model, folder)


def real_images(folder):
    for name in ("node-vhd-dynamic.vhd", "node-vhd-fixed.vhd", "dfvfs-ext2.vhd"):
        path, digest = real_image(name, folder)
        if path is not None:
            content = TOOL.content(path, "vhd")
            expect(hashlib.sha256(content).hexdigest() == digest, f"{name} reads otherwise")
            TOOL.is_clean(path, "vhd")


def main():
    require_programs("qemu-img", "qemu-io", "vhdiinfo")
    for test in (ours_read_by_others, grown_and_shrunk, others_read_by_ours, chains, other_parent,
                 bitmaps, lost_footers, real_images):
        with work_folder() as folder:
            test(folder)
        print(test.__name__, "passed")


if __name__ == "__main__":
    main()
