#!/usr/bin/env python3
"""How fast `convert` is, as a ratio of qemu-img's time for the same files (2.00: twice as fast).

    bench_convert.py <VirtualDiskControl> [--quick] [<folder for the images>]

The source is half data, a quarter zeros that are stored and a quarter holes. The runs of both
programs alternate; printed are the median and, in brackets, the spread.
"""
import os
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
FORMATS = ["raw", "vhd", "vhdx", "vmdk", "vdi", "qcow2"]
QEMU_NAMES = {"vhd": "vpc"}
QEMU_OPTIONS = {"vhd": ["-o", "force_size=on"]}


def make_source(path, size_bytes):
    """Pieces of 1 MiB: two of data, one of zeros, one hole, in random order."""
    dice = random.Random(1)
    kinds = ["data", "data", "zeros", "hole"] * (size_bytes // MIB // 4)
    dice.shuffle(kinds)
    with open(path, "wb") as file:
        for number, kind in enumerate(kinds):
            if kind == "hole":
                continue
            file.seek(number * MIB)
            file.write(dice.randbytes(MIB) if kind == "data" else bytes(MIB))
        file.truncate(size_bytes)


def seconds_for(command, target):
    if os.path.exists(target):
        os.unlink(target)
    start = time.monotonic()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.monotonic() - start


def ours(program, source, source_format, target, target_format):
    return [program, "convert", source, target, "--from", source_format, "--to", target_format]


def qemus(source, source_format, target, target_format):
    return ["qemu-img", "convert", "-f", QEMU_NAMES.get(source_format, source_format),
            "-O", QEMU_NAMES.get(target_format, target_format),
            *QEMU_OPTIONS.get(target_format, []), source, target]


def ratio(program, folder, source_format, target_format, rounds):
    source = os.path.join(folder, "source." + source_format)
    target = os.path.join(folder, "target")
    ratios = []
    for _ in range(rounds):
        mine = seconds_for(ours(program, source, source_format, target, target_format), target)
        theirs = seconds_for(qemus(source, source_format, target, target_format), target)
        ratios.append(theirs / mine)
    os.unlink(target)
    return "%.2f (%.2f-%.2f)" % (statistics.median(ratios), min(ratios), max(ratios))


def main():
    arguments = [word for word in sys.argv[1:] if word != "--quick"]
    quick = "--quick" in sys.argv
    size_bytes, rounds = (64 * MIB, 1) if quick else (256 * MIB, 5)
    program = os.path.abspath(arguments[0])
    folder = tempfile.mkdtemp(dir=arguments[1] if len(arguments) > 1 else None)
    try:
        make_source(os.path.join(folder, "source.raw"), size_bytes)
        for name in FORMATS[1:]:
            subprocess.run(ours(program, os.path.join(folder, "source.raw"), "raw",
                                os.path.join(folder, "source." + name), name), check=True)
        print("convert, as a ratio of qemu-img's time (median, spread of %d rounds; %d MiB)\n" %
              (rounds, size_bytes // MIB))
        print("%-8s" % "from" + "".join("%-19s" % ("to " + name) for name in FORMATS))
        for source_format in FORMATS:
            print("%-8s" % source_format, end="")
            for target_format in FORMATS:
                print("%-19s" % ratio(program, folder, source_format, target_format, rounds),
                      end="", flush=True)
            print()
    finally:
        shutil.rmtree(folder)


main()
