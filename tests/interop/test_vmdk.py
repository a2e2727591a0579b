#!/usr/bin/env python3
"""VMDK exchanged with QEMU.

Sessions of imagetool and qemu-io at random, in turn, on every kind of disk that both write; after
each one both must find nothing wrong and read what a model of the disk says. Streams are written by
one and read by the other. Real images are read where there are any.
Usage: test_vmdk.py IMAGETOOL [SEED]
"""
import hashlib
import lzma
import os
import random
import shutil
import subprocess
import sys
import tempfile

SECTOR = 512
MIB = 1 << 20
TIMEOUT = 60
SESSIONS = 4
OPERATIONS = 10

# name: (arguments of imagetool create, or None; options of qemu-img create, or None; size)
KINDS = {
    "ours-sparse": ([], None, 5 * MIB + 3 * SECTOR),
    "ours-sparse-8k": (["block=8192"], None, 6 * MIB),
    "ours-flat": (["subformat=monolithicFlat"], None, 3 * MIB),
    "ours-split": (["subformat=twoGbMaxExtentSparse"], None, 5 * MIB),
    "ours-split-flat": (["subformat=twoGbMaxExtentFlat"], None, 3 * MIB),
    "ours-two-extents": (["subformat=twoGbMaxExtentSparse"], None, 2048 * MIB),
    "ours-child": (["parent=base.vmdk"], None, 4 * MIB),
    "qemu-sparse": (None, "subformat=monolithicSparse", 5 * MIB + 3 * SECTOR),
    "qemu-zeroed": (None, "zeroed_grain=on", 5 * MIB),
    "qemu-flat": (None, "subformat=monolithicFlat", 3 * MIB),
    "qemu-split": (None, "subformat=twoGbMaxExtentSparse", 5 * MIB),
    "qemu-split-flat": (None, "subformat=twoGbMaxExtentFlat", 3 * MIB),
    "qemu-child": (None, "backing_file=base.vmdk,backing_fmt=vmdk", 4 * MIB),
    "qemu-child-zeroed": (None, "backing_file=base.vmdk,backing_fmt=vmdk,zeroed_grain=on", 4 * MIB),
}


class Failure(Exception):
    pass


def run(arguments, folder, data=None):
    done = subprocess.run(arguments, cwd=folder, input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    if done.returncode != 0:
        raise Failure("%s: code %d\n%s%s" % (" ".join(arguments), done.returncode,
                                             done.stdout[-2000:].decode(errors="replace"),
                                             done.stderr.decode(errors="replace")))
    return done.stdout


class Model:
    """What a disk must read as; large disks are used in a window around offset `start`."""

    def __init__(self, size, chance):
        self.size = size
        self.start = 0 if size <= 16 * MIB else 4192256 * SECTOR - 2 * MIB // 2
        self.bytes = bytearray(min(size - self.start, 16 * MIB))
        self.chance = chance

    def pick(self):
        sectors = len(self.bytes) // SECTOR
        length = self.chance.choice([1, 3, 8, 128, 129, 700])
        first = self.chance.randrange(sectors)
        if self.chance.random() < 0.3:
            first -= first % 128
        return first * SECTOR, min(length, sectors - first) * SECTOR

    def operation(self):
        """(verb, offset on the disk, length, byte), done to the model."""
        offset, length = self.pick()
        byte = 0 if self.chance.random() < 0.3 else self.chance.randrange(1, 256)
        self.bytes[offset:offset + length] = bytes([byte]) * length
        return ("zero" if byte == 0 else "write"), self.start + offset, length, byte


def our_session(tool, folder, model, name):
    lines = []
    for _ in range(OPERATIONS):
        verb, offset, length, byte = model.operation()
        if verb == "zero":
            verb = model.chance.choice(["zero", "discard"])
        lines.append("%s %d %d %s" % (verb, offset, length, byte if verb == "write" else ""))
        if model.chance.random() < 0.2:
            lines.append(model.chance.choice(["flush", "reopen"]))
    run([tool, "run", name], folder, "\n".join(lines).encode() + b"\n")


def their_session(folder, model, name):
    commands = []
    for _ in range(OPERATIONS):
        verb, offset, length, byte = model.operation()
        commands += ["-c", ("write -z %d %d" % (offset, length)) if verb == "zero" else
                     ("write -P %d %d %d" % (byte, offset, length))]
    run(["qemu-io", "-f", "vmdk"] + commands + [name], folder)


def compare(tool, folder, model, name, leaks=False):
    with open(os.path.join(folder, "model.raw"), "wb") as raw:
        raw.seek(model.start)
        raw.write(model.bytes)
        raw.truncate(model.size)
    run(["qemu-img", "compare", "-f", "vmdk", "-F", "raw", name, "model.raw"], folder)
    run(["qemu-img", "check", "-f", "vmdk", name], folder)
    findings = run([tool, "check", name], folder).decode()
    if ("corruptions 0 leaks" if leaks else "corruptions 0 leaks 0") not in findings:
        raise Failure(findings)
    if model.size > 16 * MIB:  # what we read, through QEMU's eyes, of the window only
        extents = run([tool, "map", name], folder).decode().split("\n")
        if sum(int(line.split()[1]) for line in extents if line) != model.size:
            raise Failure("the map does not cover the disk")
        return
    if run([tool, "cat", name], folder) != model.bytes:
        raise Failure("imagetool reads something else")


def make(tool, folder, kind, chance):
    own, options, size = KINDS[kind]
    model = Model(size, chance)
    if "child" in kind:
        run([tool, "create", "base.vmdk", "vmdk", str(size)], folder)
        base = Model(size, chance)
        our_session(tool, folder, base, "base.vmdk")
        model.bytes[:] = base.bytes
    if own is not None:
        run([tool, "create", "disk.vmdk", "vmdk", str(size)] + own, folder)
    else:
        arguments = ["qemu-img", "create", "-q", "-f", "vmdk", "-o", options, "disk.vmdk"]
        run(arguments + ([] if "child" in kind else [str(size)]), folder)
    return model


def try_kind(tool, folder, kind, seed):
    chance = random.Random("%s %d" % (kind, seed))
    model = make(tool, folder, kind, chance)
    leaks = "zeroed" in kind  # QEMU forgets the grains that it marks as zeros
    compare(tool, folder, model, "disk.vmdk")
    for number in range(SESSIONS):
        if number % 2 == 0:
            our_session(tool, folder, model, "disk.vmdk")
        else:
            their_session(folder, model, "disk.vmdk")
        compare(tool, folder, model, "disk.vmdk", leaks)


def try_streams(tool, folder, seed):
    """Streams: grains in ascending order, once."""
    chance = random.Random(seed)
    size = 5 * MIB + SECTOR
    content = bytearray(size)
    lines = []
    offset = 0
    while offset < size:
        length = min(chance.choice([512, 65536, 131072, 200704]), size - offset)
        if chance.random() < 0.6:
            byte = chance.randrange(1, 256)
            content[offset:offset + length] = bytes([byte]) * length
            lines.append("write %d %d %d" % (offset, length, byte))
        offset += length
    with open(os.path.join(folder, "model.raw"), "wb") as raw:
        raw.write(content)
    run([tool, "create", "ours.vmdk", "vmdk", str(size), "subformat=streamOptimized"], folder)
    run([tool, "run", "ours.vmdk"], folder, "\n".join(lines).encode() + b"\n")
    run(["qemu-img", "convert", "-f", "raw", "-O", "vmdk", "-o", "subformat=streamOptimized",
         "model.raw", "theirs.vmdk"], folder)
    for name in ("ours.vmdk", "theirs.vmdk"):
        run(["qemu-img", "compare", "-f", "vmdk", "-F", "raw", name, "model.raw"], folder)
        if run([tool, "cat", name], folder) != content:
            raise Failure("imagetool reads something else in " + name)
        if b"corruptions 0 leaks 0" not in run([tool, "check", name], folder):
            raise Failure("imagetool finds something in " + name)
    run(["qemu-img", "check", "-f", "vmdk", "ours.vmdk"], folder)


def try_real_images(tool, folder):
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared",
                          "images")
    if not os.path.exists(os.path.join(source, "INDEX.tsv")):
        print("real images: left out, there is no folder of them")
        return
    with open(os.path.join(source, "INDEX.tsv"), encoding="utf-8") as index:
        rows = [line.rstrip("\n").split("\t") for line in index]
    for row in rows:
        if not row[0].endswith(".vmdk.xz"):
            continue
        name = row[0][:-3]
        with lzma.open(os.path.join(source, row[0])) as packed, \
                open(os.path.join(folder, name), "wb") as plain:
            shutil.copyfileobj(packed, plain)
        if hashlib.sha256(run([tool, "cat", name], folder)).hexdigest() != row[6]:
            raise Failure(name + ": not the content that it should have")
        if b"corruptions 0 leaks 0" not in run([tool, "check", name], folder):
            raise Failure(name + ": check finds something")
        print("real image: " + name)


def main():
    tool = os.path.abspath(sys.argv[1])
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    if not shutil.which("qemu-img") or not shutil.which("qemu-io"):
        print("skipped: qemu-img and qemu-io are not installed")
        return 77
    trials = {kind: (lambda folder, kind=kind: try_kind(tool, folder, kind, seed))
              for kind in KINDS}
    trials["streams"] = lambda folder: try_streams(tool, folder, seed)
    trials["real"] = lambda folder: try_real_images(tool, folder)
    failed = 0
    for name, trial in trials.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                trial(folder)
            except (Failure, subprocess.TimeoutExpired) as failure:
                print("%s, seed %d: %s" % (name, seed, failure))
                failed += 1
    print("%d trials, %d failed" % (len(trials), failed))
    return 1 if failed else 0


sys.exit(main())
