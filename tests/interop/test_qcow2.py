#!/usr/bin/env python3
"""QCOW2 exchanged with QEMU: sessions of both at random, on every kind of image.

After each session both must find nothing wrong with the image, and both must read what a model of
the disk says. Usage: test_qcow2.py IMAGETOOL [SEED]
"""
import concurrent.futures
import os
import random
import shutil
import subprocess
import sys
import tempfile

SECTOR = 512
KIB = 1024
MIB = 1024 * KIB
TIMEOUT = 60

# name: options of qemu-img create (None: made by imagetool with these arguments), disk size
KINDS = {
    "ours": (["block=65536"], None, 5 * MIB + 3 * SECTOR),
    "ours-512": (["block=512"], None, 1 * MIB + SECTOR),
    "ours-v2": (["subformat=v2", "block=4096"], None, 3 * MIB),
    "ours-extended": (["subformat=extended-l2", "block=16384"], None, 4 * MIB + SECTOR),
    "ours-zstd": (["subformat=zstd", "block=8192"], None, 4 * MIB),
    "qemu": (None, "cluster_size=65536", 6 * MIB + SECTOR),
    "qemu-v2": (None, "compat=0.10,cluster_size=4096", 3 * MIB),
    "qemu-512": (None, "cluster_size=512", 2 * MIB),
    "qemu-2m": (None, "cluster_size=2097152", 9 * MIB),
    "qemu-extended": (None, "extended_l2=on,cluster_size=32768", 5 * MIB + SECTOR),
    "qemu-zstd": (None, "compression_type=zstd,cluster_size=16384", 4 * MIB),
    "qemu-lazy": (None, "lazy_refcounts=on,cluster_size=16384", 4 * MIB),
    "qemu-bits4": (None, "refcount_bits=4,cluster_size=4096", 3 * MIB),
    "qemu-bits64": (None, "refcount_bits=64,cluster_size=1024", 2 * MIB),
    "qemu-bits1": (None, "refcount_bits=1,cluster_size=4096", 2 * MIB),
    "qemu-full": (None, "preallocation=metadata,cluster_size=16384", 4 * MIB),
    "qemu-data": (None, "data_file=data.raw,cluster_size=16384", 4 * MIB),
    "qemu-raw-data": (None, "data_file=data.raw,data_file_raw=on,cluster_size=16384", 4 * MIB),
    "qemu-child": (None, "cluster_size=16384", 4 * MIB),
    "qemu-v2-child": (None, "compat=0.10,cluster_size=16384", 4 * MIB),
    "qemu-extended-child": (None, "extended_l2=on,cluster_size=16384", 4 * MIB),
}
SESSIONS = 3
OPERATIONS = 8


class Failure(Exception):
    pass


def run(arguments, folder, data=None, codes=(0,)):
    done = subprocess.run(arguments, cwd=folder, input=data, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=TIMEOUT, check=False)
    if done.returncode not in codes:
        raise Failure("%s: code %d\n%s%s" % (" ".join(arguments), done.returncode,
                                             done.stdout[-2000:].decode(errors="replace"),
                                             done.stderr.decode(errors="replace")))
    return done.stdout


class Image:
    """An image, and what it must read as."""

    def __init__(self, tool, folder, kind, chance):
        self.tool = tool
        self.folder = folder
        self.kind = kind
        self.chance = chance
        own, options, size = KINDS[kind]
        self.model = bytearray(size)
        self.snapshots = {}
        self.names = 0
        self.has_snapshots = "data" not in kind and "bits1" not in kind
        self.can_compress = "data" not in kind and "bits1" not in kind and "bits4" not in kind
        if kind.endswith("child"):
            self.make_base(size)
        if own is not None:
            run([tool, "create", "disk.qcow2", "qcow2", str(size)] + own, folder)
        elif kind.endswith("child"):
            run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "-b", "base.raw", "-F",
                 "raw", "disk.qcow2", str(size)], folder)
        else:
            run(["qemu-img", "create", "-q", "-f", "qcow2", "-o", options, "disk.qcow2",
                 str(size)], folder)

    def make_base(self, size):
        """A parent that is shorter than the disk."""
        length = size - 64 * KIB - SECTOR
        self.model[:length] = self.chance.randbytes(length)
        with open(os.path.join(self.folder, "base.raw"), "wb") as base:
            base.write(self.model[:length])

    def place(self):
        size = len(self.model)
        unit = self.chance.choice([SECTOR, 4 * KIB, 16 * KIB, 64 * KIB])
        offset = self.chance.randrange(size // unit) * unit
        most = self.chance.choice([SECTOR, 4 * KIB, 64 * KIB, MIB])
        length = self.chance.randrange(1, most // SECTOR + 1) * SECTOR
        return offset, min(length, size - offset)

    def fill(self, offset, length, value):
        self.model[offset:offset + length] = bytes([value]) * length

    def our_operation(self):
        verb = self.chance.choice(["write", "write", "write", "write", "zero", "discard", "flush",
                                   "reopen"])
        offset, length = self.place()
        if verb == "write":
            value = self.chance.randrange(1, 256)
            self.fill(offset, length, value)
            return "write %d %d %d" % (offset, length, value)
        if verb in ("zero", "discard"):
            self.fill(offset, length, 0)
            return "%s %d %d" % (verb, offset, length)
        return verb

    def our_session(self):
        lines = [self.our_operation() for _ in range(OPERATIONS)]
        if self.can_grow() and self.chance.random() < 0.3:
            lines.append("resize %d" % self.resize())
            lines.append(self.our_operation())
        if self.has_snapshots and self.chance.random() < 0.5:
            lines += self.change_snapshots()
        option = ["compress"] if self.can_compress and self.chance.random() < 0.3 else []
        run([self.tool, "run", "disk.qcow2", "qcow2"] + option, self.folder,
            "".join(line + "\n" for line in lines).encode())
        return lines

    def can_grow(self):
        return "raw-data" not in self.kind and not (
            self.snapshots and ("v2" in self.kind))

    def resize(self):
        size = len(self.model)
        new = max(SECTOR, size + self.chance.randrange(-MIB, MIB) // SECTOR * SECTOR)
        if new > size:
            self.model += bytes(new - size)
        else:
            del self.model[new:]
        return new

    def change_snapshots(self):
        """Lines for imagetool; the model follows."""
        lines = []
        for _ in range(2):
            what = self.chance.choice(["snapshot", "delete", "apply"])
            if what == "snapshot" and len(self.snapshots) < 4:
                self.names += 1
                name = "s%d" % self.names
                self.snapshots[name] = bytes(self.model)
                lines.append("snapshot " + name)
            elif what != "snapshot" and self.snapshots:
                name = self.chance.choice(sorted(self.snapshots))
                if what == "delete":
                    del self.snapshots[name]
                else:
                    self.model = bytearray(self.snapshots[name])
                lines.append("%s %s" % (what, name))
            lines.append(self.our_operation())
        return lines

    def qemu_operation(self):
        verb = self.chance.choice(["write", "write", "write -z", "write -z -u", "discard", "flush"])
        offset, length = self.place()
        if verb == "flush":
            return verb
        if verb == "discard" and self.kind.endswith("child"):
            verb = "write -z"  # what a discard shows of a parent depends on the version
        if verb == "write":
            value = self.chance.randrange(1, 256)
            self.fill(offset, length, value)
            return "write -P %d %d %d" % (value, offset, length)
        if verb == "discard":
            # Only whole clusters are certain to read as zeros.
            cluster = self.cluster_bytes()
            offset = -(-offset // cluster) * cluster
            length = length // cluster * cluster
            if length == 0 or offset + length > len(self.model):
                return "flush"
        self.fill(offset, length, 0)
        return "%s %d %d" % (verb, offset, length)

    def cluster_bytes(self):
        with open(os.path.join(self.folder, "disk.qcow2"), "rb") as image:
            return 1 << int.from_bytes(image.read(24)[20:24], "big")

    def qemu_session(self):
        lines = [self.qemu_operation() for _ in range(OPERATIONS)]
        arguments = ["qemu-io", "-f", "qcow2", "-d", "unmap"]
        for line in lines:
            arguments += ["-c", line]
        output = run(arguments + ["disk.qcow2"], self.folder)
        if b"failed" in output:
            raise Failure("qemu-io: %s\n%s" % (lines, output.decode(errors="replace")))
        if self.can_compress and self.chance.random() < 0.5:
            lines += self.qemu_compressed()
        if self.has_snapshots and self.chance.random() < 0.4:
            lines += self.qemu_snapshots()
        return lines

    def qemu_compressed(self):
        """QEMU compresses only into clusters that are not allocated yet."""
        cluster = self.cluster_bytes()
        if len(self.model) < cluster:
            return []
        offset = self.chance.randrange(len(self.model) // cluster) * cluster
        value = self.chance.randrange(1, 256)
        line = "write -c -P %d %d %d" % (value, offset, cluster)
        output = run(["qemu-io", "-f", "qcow2", "-c", line, "disk.qcow2"], self.folder,
                     codes=(0, 1))
        if b"failed" in output:
            return []
        self.fill(offset, cluster, value)
        return [line]

    def qemu_snapshots(self):
        what = self.chance.choice(["-c", "-a", "-d"])
        if what == "-c":
            self.names += 1
            name = "s%d" % self.names
            self.snapshots[name] = bytes(self.model)
        elif self.snapshots:
            name = self.chance.choice(sorted(self.snapshots))
            if what == "-d":
                del self.snapshots[name]
            else:
                self.model = bytearray(self.snapshots[name])
        else:
            return []
        run(["qemu-img", "snapshot", what, name, "disk.qcow2"], self.folder)
        return ["qemu snapshot %s %s" % (what, name)]

    def verify(self):
        run(["qemu-img", "check", "-q", "-f", "qcow2", "disk.qcow2"], self.folder)
        counts = run([self.tool, "check", "disk.qcow2", "qcow2"], self.folder).decode()
        if "corruptions 0 leaks 0 repaired 0" not in counts:
            raise Failure("our check: " + counts)
        if run([self.tool, "cat", "disk.qcow2", "qcow2"], self.folder) != self.model:
            raise Failure("we read something else")
        model = os.path.join(self.folder, "model.raw")
        with open(model, "wb") as raw:
            raw.write(self.model)
        run(["qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", "disk.qcow2", "model.raw"],
            self.folder)
        listed = run([self.tool, "run", "disk.qcow2", "qcow2"], self.folder, b"list\n").decode()
        names = sorted(line.split()[1] for line in listed.splitlines())
        if names != sorted(self.snapshots):
            raise Failure("snapshots: %s instead of %s" % (names, sorted(self.snapshots)))
        for name, content in self.snapshots.items():
            if run([self.tool, "cat", "disk.qcow2", "qcow2", name], self.folder) != content:
                raise Failure("snapshot %s reads something else" % name)
        if "raw-data" in self.kind:
            with open(os.path.join(self.folder, "data.raw"), "rb") as data:
                if data.read() != self.model:
                    raise Failure("the data file is not the raw disk")


def trial(tool, kind, seed):
    folder = tempfile.mkdtemp(prefix="qcow2-")
    log = []
    try:
        image = Image(tool, folder, kind, random.Random("%s %d" % (kind, seed)))
        image.verify()
        for session in range(SESSIONS * 2):
            log += ["-- session %d" % session]
            log += image.our_session() if session % 2 == 0 else image.qemu_session()
            image.verify()
    except (Failure, subprocess.TimeoutExpired) as failure:
        print("%s, seed %d: %s\n%s" % (kind, seed, failure, "\n".join(log)))
        return False
    finally:
        shutil.rmtree(folder)
    return True


def main():
    if shutil.which("qemu-img") is None or shutil.which("qemu-io") is None:
        print("SKIP: qemu-img and qemu-io are not installed")
        return 77
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    kinds = sys.argv[3:] or sorted(KINDS)
    tool = os.path.abspath(sys.argv[1])
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        good = list(pool.map(lambda kind: trial(tool, kind, seed), kinds))
    print("%d of %d kinds of image passed" % (sum(good), len(good)))
    return 0 if all(good) else 1


if __name__ == "__main__":
    sys.exit(main())
