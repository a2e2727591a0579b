#!/usr/bin/env python3
"""VHDX against qemu in both directions, libvhdi, and a reader of our own for what they cannot read.

Usage: test_vhdx.py <imagetool>
"""

import hashlib
import os
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import uuid

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from reference import vhdx  # noqa: E402

MIB = 1 << 20
TOOL = os.path.abspath(sys.argv[1])
HERE = os.path.dirname(os.path.abspath(__file__))
IMAGES = os.path.join(HERE, "..", "..", "..", "shared", "images")


def call(*arguments, data=None, good=(0,)):
    result = subprocess.run(["timeout", "60", *arguments], input=data, capture_output=True)
    if result.returncode not in good:
        raise SystemExit(f"{' '.join(arguments)}: {result.returncode}\n"
                         f"{result.stdout.decode(errors='replace')[-2000:]}\n"
                         f"{result.stderr.decode(errors='replace')[-2000:]}")
    return result


def tool(*arguments, script=None):
    return call(TOOL, *arguments, data=script.encode() if script else None).stdout


def expect(condition, sentence):
    if not condition:
        raise SystemExit(f"FAILED: {sentence}")


def has(program):
    return shutil.which(program) is not None


class Model:
    """What the guest should see, and how it came to be."""

    def __init__(self, size, seed):
        self.bytes, self.random = bytearray(size), random.Random(seed)

    def place(self, unit=512):
        start = self.random.randrange(len(self.bytes) // unit) * unit
        length = self.random.choice([unit, 8 * unit, 128 * unit, 3 * MIB // unit * unit])
        return start, min(length, len(self.bytes) - start)

    def engine_script(self, steps, unit=512, grow=0):
        lines = []
        for _ in range(steps):
            start, length = self.place(unit)
            what = self.random.randrange(10)
            if what < 6:
                value = self.random.randrange(1, 256)
                lines.append(f"write {start} {length} {value}")
                self.bytes[start:start + length] = bytes([value]) * length
            elif what < 8:
                if self.random.random() < 0.4:  # whole blocks
                    start, length = start // MIB * MIB, 2 * MIB
                    length = min(length, len(self.bytes) - start)
                lines.append(f"{self.random.choice(['zero', 'discard'])} {start} {length}")
                self.bytes[start:start + length] = bytes(length)
            elif what < 9:
                lines.append("flush")
            elif grow and self.random.random() < 0.3:
                self.bytes.extend(bytes(grow))
                lines.append(f"resize {len(self.bytes)}")
            else:
                lines.append("reopen")
        return "\n".join(lines) + "\n"

    def qemu_commands(self, steps):
        commands = []
        for _ in range(steps):
            start, length = self.place()
            value = self.random.randrange(1, 256)
            commands += ["-c", f"write -P {value} {start} {length}"]
            self.bytes[start:start + length] = bytes([value]) * length
            if self.random.random() < 0.2:
                commands += ["-c", "flush"]
        return commands


def check_clean(path, leaks="0"):
    output = call(TOOL, "check", path, good=(0, 1, 2, 3)).stdout.decode()
    counts = output.splitlines()[-1].split()
    expect(counts[1] == "0" and counts[3] in leaks and counts[5] == "0", f"{path}: {output}")


def check_reference(path, model, name):
    image = vhdx.Image(path)
    expect(not image.problems(), f"{name}: {image.problems()}")
    expect(image.size == len(model.bytes), f"{name}: size {image.size}")
    expect(image.read(0, image.size) == bytes(model.bytes), f"{name}: the reference reads otherwise")
    expect(image.header.log == vhdx.NOBODY, f"{name}: the log is in use after close")


def check_libvhdi(path, size, sector, kind):
    if not has("vhdiinfo"):
        return
    words = call("vhdiinfo", path).stdout.decode()
    for sentence in (f"({size} bytes)", f": {sector} bytes", kind):
        expect(sentence in words, f"{path}: libvhdi does not say '{sentence}': {words}")


def check_qemu(path, model, raw, name):
    with open(raw, "wb") as file:
        file.write(model.bytes)
    call("qemu-img", "compare", "-f", "vhdx", "-F", "raw", path, raw)
    call("qemu-img", "check", "-f", "vhdx", path)


def ours_read_by_others(folder):
    for index, (options, size, unit) in enumerate([
            (["block=1048576"], 37 * MIB + 512, 512),
            ([], 70 * MIB, 512),
            (["fixed", "block=1048576"], 5 * MIB, 512),
            (["block=1048576", "sector=4096"], 21 * MIB, 4096)]):
        path, raw = os.path.join(folder, f"ours{index}.vhdx"), os.path.join(folder, "ours.raw")
        model = Model(size, 100 + index)
        tool("create", path, "vhdx", str(size), *options)
        tool("run", path, script=model.engine_script(60, unit, 0 if unit == 4096 else 3 * MIB))
        name = f"ours {options}"
        check_clean(path)
        expect(tool("cat", path) == bytes(model.bytes), f"{name}: we read otherwise")
        check_reference(path, model, name)
        check_libvhdi(path, len(model.bytes), unit, "Fixed" if "fixed" in options else "Dynamic")
        if unit == 512:
            check_qemu(path, model, raw, name)
        print(f"written by us, read by {'qemu and ' if unit == 512 else ''}the reference: {name}")


def theirs_read_by_us(folder):
    for index, options in enumerate(["subformat=dynamic,block_size=1M", "subformat=dynamic",
                                     "subformat=fixed,block_size=2M"]):
        path = os.path.join(folder, f"theirs{index}.vhdx")
        model = Model(20 * MIB, 200 + index)
        call("qemu-img", "create", "-q", "-f", "vhdx", "-o", options, path, str(20 * MIB))
        call("qemu-io", "-f", "vhdx", *model.qemu_commands(25), path)
        expect(tool("cat", path) == bytes(model.bytes), f"qemu's {options}: we read otherwise")
        check_clean(path)
        tool("run", path, script=model.engine_script(30))
        check_reference(path, model, f"qemu's {options}, written by us")
        check_qemu(path, model, os.path.join(folder, "theirs.raw"), options)
        print(f"written by qemu, read and written by us: {options}")


def chains(folder):
    for sector in (512, 4096):
        models, paths = [], []
        for depth in range(3):
            path = os.path.join(folder, f"chain{sector}-{depth}.vhdx")
            model = Model(11 * MIB, 300 + depth)
            options = [f"sector={sector}", "block=1048576" if depth != 1 else "block=2097152"]
            if depth:
                model.bytes[:] = models[-1].bytes
                options.append(f"parent={paths[-1]}")
            tool("create", path, "vhdx", str(len(model.bytes)), *options)
            tool("run", path, script=model.engine_script(40))
            expect(tool("cat", path) == bytes(model.bytes), f"chain {depth}: we read otherwise")
            check_clean(path)
            check_reference(path, model, f"chain of {sector}, {depth}")
            check_libvhdi(path, len(model.bytes), sector, "Differential" if depth else "Dynamic")
            models.append(model)
            paths.append(path)
        before = vhdx.Image(paths[2]).locator()
        expect(before["absolute_win32_path"].endswith(f"\\chain{sector}-1.vhdx"), str(before))
        other = os.path.join(folder, f"other{sector}.vhdx")
        shutil.copy(paths[1], other)
        tool("run", paths[2], script=f"parent {other}\n")
        after = vhdx.Image(paths[2])
        expect(after.locator()["relative_path"] == f".\\other{sector}.vhdx", str(after.locator()))
        check_reference(paths[2], models[2], "after another parent was named")
        grown = Model(14 * MIB, 1)
        grown.bytes[:11 * MIB] = models[2].bytes
        tool("run", paths[2], script=f"resize {5 * MIB + 4096}\nresize {14 * MIB}\n")
        grown.bytes[5 * MIB + 4096:] = bytes(9 * MIB - 4096)
        check_reference(paths[2], grown, "a child that shrank and grew")
        tool("run", other, script="write 0 512 1\n")
        result = subprocess.run([TOOL, "cat", paths[2]], capture_output=True)
        expect(result.returncode != 0 and b"parent-changed" in result.stderr,
               f"a changed parent: {result.stderr}")
        print(f"chains of three, sectors of {sector}")


def page(image, offset, changes):
    data = bytearray(image.data[offset:offset + 4096])
    for at, value in changes:
        data[at:at + 8] = struct.pack("<Q", value)
    return offset, bytes(data)


def logs(folder):
    """Logs that we would not write: old entries, tails, gaps, a wrapped ring, zeros."""
    base = os.path.join(folder, "base.vhdx")
    tool("create", base, "vhdx", str(8 * MIB), "block=1048576")
    tool("run", base, script="write 0 1048576 1\nwrite 1048576 1048576 2\nwrite 2097152 1048576 3\n")
    image = vhdx.Image(base)
    bat = image.regions[vhdx.BAT][0]
    places = [image.payload(block)[1] for block in range(3)]
    swapped = page(image, bat, [(0, places[1] | 6), (8, places[0] | 6)])
    gone = page(image, bat, [(0, 2)])
    zero = page(image, bat, [(8, 2)])
    guid, old = uuid.uuid4(), uuid.uuid4()

    def entry(sequence, pages=(), **more):
        return vhdx.LogEntry(sequence, guid, pages, **more)

    last = image.header.log_length - 4096
    cases = {
        "one entry": [([entry(5, [swapped])], 0)],
        "an empty entry": [([entry(5)], 0)],
        "the tail leaves old entries out": [([entry(4, [gone]), entry(5, [swapped], tail=8192)], 0)],
        "the tail takes them in": [([entry(4, [gone]), entry(5, [], tail=0)], 0)],
        "a gap in the numbers": [([entry(3, [gone]), entry(5, [swapped], tail=8192)], 0)],
        "the ring wraps": [([entry(7, [swapped], tail=last), entry(8, [], tail=last)], last)],
        "an entry is wrapped": [([entry(7, [swapped, zero])], last)],
        "another log's entries": [([vhdx.LogEntry(9, old, [gone])], 65536), ([entry(5, [swapped])], 0)],
        "the greater number wins": [([entry(20, [swapped])], 65536), ([entry(5, [gone])], 0)],
        "zeros": [([entry(5, [swapped], zeros=[(places[2], 65536)])], 0)],
        "many descriptors": [([entry(5, [swapped] * 130 + [zero])], 0)],
        "the file grows": [([entry(5, [swapped], last=image.header.log_offset + 20 * MIB)], 0)],
    }
    for name, parts in cases.items():
        path = os.path.join(folder, "log.vhdx")
        shutil.copy(base, path)
        vhdx.set_log_guid(path, guid)
        for index, (entries, start) in enumerate(parts):
            vhdx.write_log(path, entries, start, keep=index > 0)
        before = hashlib.sha256(open(path, "rb").read()).digest()
        expected = vhdx.Image(path)
        content = expected.read(0, expected.size)
        expect(tool("cat", path) == content, f"log: {name}: we read otherwise")
        check_clean(path, leaks="01")
        expect(hashlib.sha256(open(path, "rb").read()).digest() == before,
               f"log: {name}: reading changed the file")
        tool("run", path, script="write 4194304 512 9\n")
        content = content[:4 * MIB] + b"\x09" * 512 + content[4 * MIB + 512:]
        model = Model(0, 0)
        model.bytes = bytearray(content)
        check_reference(path, model, f"log: {name}, recovered")
        check_qemu(path, model, os.path.join(folder, "log.raw"), name)
    refused = {
        "no valid sequence": [entry(5, [swapped], tail=4096 * 7)],
        "a torn entry": [entry(5, [swapped])],
        "a truncated file": [entry(5, [swapped], flushed=1 << 40)],
        "a page of the headers": [entry(5, [(65536, bytes(4096))])],
        "a page of the log": [entry(5, [(MIB + 8192, bytes(4096))])],
        "a page beyond the end": [entry(5, [(1 << 40, bytes(4096))])],
        "zeros beyond the end": [entry(5, zeros=[(places[2], 1 << 60)])],
        "an impossible size": [entry(5, [swapped], last=1 << 62)],
    }
    for name, entries in refused.items():
        path = os.path.join(folder, "refused.vhdx")
        shutil.copy(base, path)
        vhdx.set_log_guid(path, guid)
        vhdx.write_log(path, entries)
        if name == "a torn entry":
            with open(path, "r+b") as file:
                file.seek(MIB + 4096 + 100)
                file.write(b"torn")
        result = subprocess.run([TOOL, "cat", path], capture_output=True)
        expect(result.returncode == 1 and b"VHDX log" in result.stderr,
               f"log: {name}: {result.returncode} {result.stderr}")
    print(f"{len(cases)} logs replayed, {len(refused)} refused")


def real_images(folder):
    packed = os.path.join(IMAGES, "discutils-swap.vhdx.xz")
    if not os.path.exists(packed) or not has("xz"):
        print("skipped: no folder of real images")
        return
    path = os.path.join(folder, "real.vhdx")
    with open(path, "wb") as file:
        subprocess.run(["xz", "-dc", packed], stdout=file, check=True)
    check_clean(path)
    raw = os.path.join(folder, "real.raw")
    for round, script in enumerate([None, "write 5368709120 1048576 7\nzero 0 33554432\n"]):
        if script:
            tool("run", path, script=script)
            call("qemu-img", "check", "-f", "vhdx", path)
        call("qemu-img", "convert", "-f", "vhdx", "-O", "raw", path, raw)
        mine, theirs = data_by_map(path), data_of_sparse(raw)
        expect(mine == theirs and mine, f"a real image, {round}: we read otherwise than qemu")
    expect(mine[5368709120] == hashlib.sha256(b"\x07" * 65536).digest(), "a real image: our data")
    print("an image that Windows made: read and written")


def data_by_map(path):
    """Digests of every piece of 64 KiB that is not zero, found through our map."""
    pieces = {}
    with open(path, "rb") as file:
        for line in tool("map", path).decode().splitlines():
            start, length, kind, *rest = line.split()
            if kind == "data":
                file.seek(int(rest[1]))
                collect(pieces, int(start), file.read(int(length)))
    return digests(pieces)


def data_of_sparse(path):
    pieces, position = {}, 0
    with open(path, "rb") as file:
        while True:
            try:
                start = os.lseek(file.fileno(), position, os.SEEK_DATA)
            except OSError:
                return digests(pieces)
            position = os.lseek(file.fileno(), start, os.SEEK_HOLE)
            file.seek(start)
            collect(pieces, start, file.read(position - start))


def collect(pieces, start, data):
    for at in range(0, len(data), 512):
        sector = data[at:at + 512]
        if any(sector):
            piece = pieces.setdefault((start + at) // 65536 * 65536, bytearray(65536))
            piece[(start + at) % 65536:(start + at) % 65536 + 512] = sector


def digests(pieces):
    return {start: hashlib.sha256(data).digest() for start, data in pieces.items()}


def main():
    for program in ("qemu-img", "qemu-io"):
        if not has(program):
            print(f"skipped: {program} is not installed")
            sys.exit(77)
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # flushes cost nothing there
    with tempfile.TemporaryDirectory(prefix="vhdx-", dir=memory) as folder:
        ours_read_by_others(folder)
        theirs_read_by_us(folder)
        chains(folder)
        logs(folder)
        real_images(folder)


main()
