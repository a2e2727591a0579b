#!/usr/bin/env python3
"""VDI against qemu in both directions, and a reader of its own where qemu is blind: other block
sizes, space before blocks, differencing chains.

Usage: test_vdi.py IMAGETOOL
"""

import os
import struct
import sys

from images import KIB, MIB, Model, Tool, call, expect, qemu_content, require_programs, work_folder
from reference import vdi

TOOL = Tool(sys.argv[1])


def judge(path, model, folder, qemu=True, leaks=False):
    """All readers agree with the model, and nothing is wrong with the image."""
    TOOL.is_clean(path, "vdi", leaks)
    model.require(TOOL.content(path, "vdi"), "engine")
    model.require(vdi.Image(path, vdi.named_beside(path)).content(), "reference")
    if qemu:
        call("qemu-img", "check", "-f", "vdi", path)
        model.require(qemu_content(path, "vdi", folder), "qemu")


def ours_read_by_others(folder):
    for number, (size, options, qemu) in enumerate([
            (9 * MIB + 512, [], True), (3 * MIB + 1024, ["fixed"], True),
            (2 * MIB, ["block=4096"], False), (6 * MIB + 512, ["block=65536"], False),
            (20 * MIB, ["block=8388608"], False), (3 * MIB, ["fixed", "block=65536"], False)]):
        path = os.path.join(folder, f"ours{number}.vdi")
        model = Model(size, number)
        TOOL.create(path, "vdi", size, *options)
        judge(path, model, folder, qemu)
        for _ in range(3):
            TOOL.run(path, "vdi", model.tool_script(12))
            judge(path, model, folder, qemu)


def others_read_by_ours(folder):
    for number, options in enumerate(["static=off", "static=on"]):
        path = os.path.join(folder, f"qemu{number}.vdi")
        size = 11 * MIB + 512
        call("qemu-img", "create", "-f", "vdi", "-o", options, path, str(size))
        model = Model(size, 100 + number)
        for _ in range(3):
            call("qemu-io", "-f", "vdi", *model.qemu_commands(8), path)
            model.require(TOOL.content(path, "vdi"), "engine after qemu")
            TOOL.is_clean(path, "vdi")
            TOOL.run(path, "vdi", model.tool_script(8))
            model.require(TOOL.content(path, "vdi"), "engine")
            model.require(qemu_content(path, "vdi", folder), "qemu after engine")
            call("qemu-img", "check", "-f", "vdi", path)


def resized(folder):
    """The map of a qemu image has no room to grow: the first blocks must make some."""
    path = os.path.join(folder, "moved.vdi")
    call("qemu-img", "create", "-f", "vdi", path, str(10 * MIB))
    model = Model(10 * MIB, 150)
    TOOL.run(path, "vdi", model.tool_script(8))
    for size in (130 * MIB, 9 * MIB + 512):
        script = [f"resize {size}"]
        model.resize(size)
        TOOL.run(path, "vdi", script + model.tool_script(6))
        judge(path, model, folder, leaks=True)
    for number, options in enumerate([["block=16384"], ["fixed"]]):
        path = os.path.join(folder, f"resized{number}.vdi")
        model = Model(3 * MIB + 512, 160 + number)
        TOOL.create(path, "vdi", len(model.bytes), *options)
        for size in (7 * MIB, 9 * MIB + 1536, 2 * MIB + 512, 20 * MIB, 5 * MIB):
            TOOL.run(path, "vdi", model.tool_script(6) + [f"resize {size}"])
            model.resize(size)
            judge(path, model, folder, qemu="fixed" in options, leaks=True)


def chains(folder):
    size = 6 * MIB + 512
    names = [os.path.join(folder, f"chain{depth}.vdi") for depth in range(3)]
    model = Model(size, 200)
    TOOL.create(names[0], "vdi", size, "block=65536")
    TOOL.run(names[0], "vdi", model.tool_script(8))
    for parent, child in zip(names, names[1:]):
        TOOL.create(child, "vdi", 0, f"parent={parent}", "block=16384")
        judge(child, model, folder, qemu=False)
        TOOL.run(child, "vdi", model.tool_script(12))
        judge(child, model, folder, qemu=False)
    larger = size + 3 * MIB
    TOOL.run(names[2], "vdi", [f"resize {larger}"])
    model.resize(larger)
    TOOL.run(names[2], "vdi", model.tool_script(10))
    judge(names[2], model, folder, qemu=False, leaks=True)
    TOOL.run(names[2], "vdi", [f"resize {2 * MIB}", f"resize {size}"])
    model.resize(2 * MIB)
    model.resize(size)
    judge(names[2], model, folder, qemu=False, leaks=True)


def changed_parent(folder):
    """A parent that was written to is not the parent any more, until the child is told so."""
    parent, child = os.path.join(folder, "parent.vdi"), os.path.join(folder, "child.vdi")
    model = Model(2 * MIB, 0)
    TOOL.create(parent, "vdi", 2 * MIB)
    TOOL.create(child, "vdi", 0, f"parent={parent}")
    judge(child, model, folder, qemu=False)
    TOOL.run(parent, "vdi", ["write 0 512 3"])
    TOOL("cat", child, "vdi", codes=(1,))


def named_by_identity(folder):
    """As VirtualBox names snapshots: no comment tells, the identity is the file's name."""
    parent, child = os.path.join(folder, "parent.vdi"), os.path.join(folder, "child.vdi")
    model = Model(2 * MIB, 250)
    TOOL.create(parent, "vdi", 2 * MIB)
    TOOL.run(parent, "vdi", model.tool_script(8))
    TOOL.create(child, "vdi", 0, f"parent={parent}")
    identity = TOOL.info(parent, "vdi")["identity"]
    os.rename(parent, os.path.join(folder, "{%s}.vdi" % identity))
    with open(child, "r+b") as file:
        file.seek(84)
        file.write(bytes(256))
    judge(child, model, folder, qemu=False)


def unusual(folder):
    """Space before every block, zero blocks, blocks in no order: made by hand."""
    block, extra, count = 64 * KIB, 4096, 20
    size = count * block - 1024
    model = Model(size, 300)
    table = [0xFFFFFFFF] * count
    data = bytearray()
    order = model.random.sample(range(count), 12)
    for slot, number in enumerate(order[:9]):
        table[number] = slot
        content = model.random.randbytes(block)
        data += b"\xee" * extra + content
        used = model.bytes[number * block:(number + 1) * block]
        model.bytes[number * block:number * block + len(used)] = content[:len(used)]
    for number in order[9:]:
        table[number] = 0xFFFFFFFE
    header = bytearray(1024)
    struct.pack_into("<64sIIIII", header, 0, b"<<< made by hand >>>\n", 0xBEDA107F, 0x00010001, 400, 1,
                     0)
    struct.pack_into("<II", header, 340, 512, 1024)
    struct.pack_into("<I", header, 360, 512)
    struct.pack_into("<QIIII16s16s", header, 368, size, block, extra, count, 9, b"i" * 16, b"m" * 16)
    struct.pack_into("<I", header, 468, 512)
    struct.pack_into(f"<{count}I", header, 512, *table)
    path = os.path.join(folder, "hand.vdi")
    with open(path, "wb") as file:
        file.write(header + data)
    judge(path, model, folder, qemu=False)
    for _ in range(3):
        TOOL.run(path, "vdi", model.tool_script(8))
        judge(path, model, folder, qemu=False)
    for blocks in (150, 300, 30):
        TOOL.run(path, "vdi", [f"resize {blocks * block}"])
        model.resize(blocks * block)
        TOOL.run(path, "vdi", model.tool_script(4))
        judge(path, model, folder, qemu=False, leaks=True)
    expect(vdi.Image(path).extra == extra, "the space before blocks is gone")


def main():
    require_programs("qemu-img", "qemu-io")
    for test in (ours_read_by_others, others_read_by_ours, resized, chains, changed_parent,
                 named_by_identity, unusual):
        with work_folder() as folder:
            test(folder)
        print(test.__name__, "passed")


if __name__ == "__main__":
    main()
