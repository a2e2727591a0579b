#!/usr/bin/env python3
"""QCOW2: images that QEMU left dirty or that were damaged, repaired by us and judged by QEMU; chains
and compressed images in both directions; real images. Usage: test_qcow2_repair.py IMAGETOOL
"""
import csv
import hashlib
import lzma
import os
import random
import shutil
import subprocess
import sys
import tempfile

TIMEOUT = 60
SHARED = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "shared",
                      "images")


def run(arguments, folder, data=None, codes=(0,)):
    done = subprocess.run(arguments, cwd=folder, input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    if codes is not None and done.returncode not in codes:
        raise AssertionError("%s: code %d\n%s%s" % (" ".join(arguments), done.returncode,
                                                    done.stdout.decode(errors="replace"),
                                                    done.stderr.decode(errors="replace")))
    return done.stdout


def qemu_check(folder, name, codes=(0,)):
    run(["qemu-img", "check", "-q", "-f", "qcow2", name], folder, codes=codes)


def make_dirty(folder, name):
    """A writer with lazy refcounts that is killed."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "lazy_refcounts=on", name, "16M"], folder)
    run(["qemu-io", "-f", "qcow2", "-c", "write -P 5 0 3M", "-c", "write -P 6 8M 1M", "-c", "flush",
         "-c", "sigraise 9", name], folder, codes=None)
    qemu_check(folder, name, (2,))


def test_dirty(tool, folder):
    make_dirty(folder, "written.qcow2")
    run([tool, "run", "written.qcow2", "qcow2"], folder, b"write 0 512 9\n")
    qemu_check(folder, "written.qcow2")
    run(["qemu-io", "-f", "qcow2", "-c", "read -P 9 0 512", "-c", "read -P 5 512 1M", "-c",
         "read -P 6 8M 1M", "written.qcow2"], folder)
    make_dirty(folder, "repaired.qcow2")
    output = run([tool, "repair", "repaired.qcow2", "qcow2"], folder)
    assert b"corruptions 0 leaks 0" in output, output
    qemu_check(folder, "repaired.qcow2")


def used_image(folder, name, seed):
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4096", name, "4M"], folder)
    run(["qemu-io", "-f", "qcow2", "-c", "write -P 1 0 512k", "-c", "write -P 2 1M 300k", name],
        folder)
    run(["qemu-img", "snapshot", "-c", "s", name], folder)
    run(["qemu-io", "-f", "qcow2", "-c", "write -P 3 100k %dk" % (100 + seed), name], folder)


def field(folder, name, offset, length):
    with open(os.path.join(folder, name), "rb") as image:
        image.seek(offset)
        return int.from_bytes(image.read(length), "big")


def test_damaged_refcounts(tool, folder):
    """Random counts: what we repair, QEMU finds clean, and no content has changed."""
    for seed in range(8):
        chance = random.Random(seed)
        used_image(folder, "damaged.qcow2", seed)
        before = run([tool, "cat", "damaged.qcow2", "qcow2"], folder)
        block = field(folder, "damaged.qcow2", field(folder, "damaged.qcow2", 48, 8), 8)
        with open(os.path.join(folder, "damaged.qcow2"), "r+b") as image:
            for _ in range(20):
                image.seek(block + chance.randrange(256) * 2)
                image.write(chance.choice([0, 1, 2, 3, 65535]).to_bytes(2, "big"))
        output = run([tool, "repair", "damaged.qcow2", "qcow2"], folder)
        assert b"corruptions 0 leaks 0" in output, output
        qemu_check(folder, "damaged.qcow2")
        assert run([tool, "cat", "damaged.qcow2", "qcow2"], folder) == before
        os.unlink(os.path.join(folder, "damaged.qcow2"))


def test_findings_agree(tool, folder):
    """Single bytes of metadata are changed: where QEMU sees corruption, so do we."""
    for seed in range(25):
        chance = random.Random(seed)
        used_image(folder, "judged.qcow2", seed)
        l1_table = field(folder, "judged.qcow2", 40, 8)
        l2_table = field(folder, "judged.qcow2", l1_table, 8) & 0xfffffffffffe00
        block = field(folder, "judged.qcow2", field(folder, "judged.qcow2", 48, 8), 8)
        place = chance.choice([l1_table + chance.randrange(16), l2_table + chance.randrange(1024),
                               block + chance.randrange(512)])
        with open(os.path.join(folder, "judged.qcow2"), "r+b") as image:
            image.seek(place)
            image.write(chance.randbytes(1))
        qemu = subprocess.run(["qemu-img", "check", "-q", "-f", "qcow2", "judged.qcow2"],
                              cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                              timeout=TIMEOUT, check=False).returncode
        ours = run([tool, "check", "judged.qcow2", "qcow2"], folder, codes=None)
        if qemu == 2:
            assert b"corruptions 0" not in ours, "seed %d, byte %d" % (seed, place)
        elif qemu == 3:
            assert b"leaks 0" not in ours or b"corruptions 0" not in ours, "seed %d" % seed
        os.unlink(os.path.join(folder, "judged.qcow2"))


def test_snapshot_that_fails(tool, folder):
    """One bit cannot count a second reference: refused, and nothing is left behind."""
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", "refcount_bits=1", "bit.qcow2", "4M"],
        folder)
    run([tool, "run", "bit.qcow2", "qcow2"], folder, b"write 0 1048576 7\nsnapshot s\n", (1,))
    qemu_check(folder, "bit.qcow2")
    run([tool, "run", "bit.qcow2", "qcow2"], folder, b"write 65536 65536 8\n")
    qemu_check(folder, "bit.qcow2")
    run(["qemu-io", "-f", "qcow2", "-c", "read -P 7 0 64k", "-c", "read -P 8 64k 64k",
         "bit.qcow2"], folder)


def test_chain(tool, folder):
    run(["qemu-img", "create", "-q", "-f", "qcow2", "base.qcow2", "8M"], folder)
    run(["qemu-io", "-f", "qcow2", "-c", "write -P 1 0 4M", "base.qcow2"], folder)
    run([tool, "create", "middle.qcow2", "qcow2", str(8 << 20), "parent=base.qcow2",
         "block=16384"], folder)
    run([tool, "run", "middle.qcow2", "qcow2"], folder, b"write 1048576 3000320 2\n")
    run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", "middle.qcow2", "-F", "qcow2",
         "top.qcow2"], folder)
    run([tool, "run", "top.qcow2", "qcow2"], folder, b"write 3145728 512 3\nzero 0 65536\n")
    ours = run([tool, "cat", "top.qcow2", "qcow2"], folder)
    run(["qemu-img", "convert", "-f", "qcow2", "-O", "raw", "top.qcow2", "top.raw"], folder)
    with open(os.path.join(folder, "top.raw"), "rb") as raw:
        assert raw.read() == ours
    shutil.copy(os.path.join(folder, "middle.qcow2"), os.path.join(folder, "other.qcow2"))
    run([tool, "run", "top.qcow2", "qcow2"], folder, b"parent other.qcow2\n")
    chain = run(["qemu-img", "info", "--output=json", "-f", "qcow2", "top.qcow2"], folder)
    assert b'"backing-filename": "other.qcow2"' in chain, chain
    assert b'"backing-filename-format": "qcow2"' in chain, chain
    assert run([tool, "cat", "top.qcow2", "qcow2"], folder) == ours
    for name in ("base", "middle", "top"):
        qemu_check(folder, name + ".qcow2")


def test_compressed_by_qemu(tool, folder):
    content = b"".join(bytes([i % 7]) * 4096 + random.Random(i).randbytes(1536) for i in range(700))
    content += bytes(-len(content) % 512)
    with open(os.path.join(folder, "plain.raw"), "wb") as raw:
        raw.write(content)
    for options in ("cluster_size=65536", "cluster_size=512", "cluster_size=2M",
                    "compression_type=zstd", "compat=0.10",
                    "extended_l2=on,compression_type=zstd"):
        run(["qemu-img", "convert", "-c", "-f", "raw", "-O", "qcow2", "-o", options, "plain.raw",
             "packed.qcow2"], folder)
        assert run([tool, "cat", "packed.qcow2", "qcow2"], folder) == content, options
        run([tool, "run", "packed.qcow2", "qcow2"], folder, b"write 1000448 70144 4\n")
        qemu_check(folder, "packed.qcow2")
        run(["qemu-io", "-f", "qcow2", "-c", "read -P 4 1000448 70144", "packed.qcow2"], folder)


def test_real_images(tool, folder):
    index = os.path.join(SHARED, "INDEX.tsv")
    if not os.path.exists(index):
        print("SKIP real images: %s is not there" % os.path.normpath(SHARED))
        return
    with open(index, newline="", encoding="utf-8") as lines:
        for row in csv.reader(lines, delimiter="\t"):
            if not row[0].endswith(".qcow2.xz"):
                continue
            with lzma.open(os.path.join(SHARED, row[0])) as packed:
                with open(os.path.join(folder, "real.qcow2"), "wb") as image:
                    image.write(packed.read())
            content = run([tool, "cat", "real.qcow2"], folder)
            assert hashlib.sha256(content).hexdigest() == row[6], row[0]
            output = run([tool, "check", "real.qcow2"], folder)
            assert b"corruptions 0 leaks 0" in output, output


def main():
    if shutil.which("qemu-img") is None or shutil.which("qemu-io") is None:
        print("SKIP: qemu-img and qemu-io are not installed")
        return 77
    tool = os.path.abspath(sys.argv[1])
    tests = [value for name, value in sorted(globals().items()) if name.startswith("test_")]
    failed = 0
    for test in tests:
        folder = tempfile.mkdtemp(prefix="qcow2-")
        try:
            test(tool, folder)
            print("%s passed" % test.__name__)
        except (AssertionError, subprocess.TimeoutExpired) as failure:
            failed += 1
            print("%s FAILED: %s" % (test.__name__, failure))
        finally:
            shutil.rmtree(folder)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
