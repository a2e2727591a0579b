"""What tests of image formats share: programs under a time limit, and a model of a disk."""

import os
import random
import shutil
import subprocess
import sys
import tempfile

SECTOR = 512
KIB = 1 << 10
MIB = 1 << 20
HERE = os.path.dirname(os.path.abspath(__file__))
REAL_IMAGES = os.path.join(HERE, "..", "..", "..", "shared", "images")


def expect(condition, sentence):
    if not condition:
        raise SystemExit(f"FAILED: {sentence}")


def call(*arguments, data=None, codes=(0,)):
    """Runs a program; its output."""
    done = subprocess.run(["timeout", "60", *arguments], input=data, capture_output=True,
                          check=False)
    expect(done.returncode in codes,
           f"{' '.join(arguments)}: code {done.returncode}\n"
           f"{(done.stdout[-2000:] + done.stderr[-2000:]).decode(errors='replace')}")
    return done.stdout


class Tool:
    """imagetool."""

    def __init__(self, path):
        self.path = os.path.abspath(path)

    def __call__(self, *arguments, script=None, codes=(0,)):
        data = None if script is None else ("\n".join(script) + "\n").encode()
        return call(self.path, *map(str, arguments), data=data, codes=codes)

    def create(self, path, form, size, *options):
        self("create", path, form, size, *options)

    def run(self, path, form, script):
        return self("run", path, form, script=script).decode()

    def content(self, path, form):
        return self("cat", path, form)

    def info(self, path, form):
        lines = self("info", path, form).decode().splitlines()
        return dict(line.partition(" ")[::2] for line in lines)

    def is_clean(self, path, form, leaks=False):
        words = self("check", path, form).decode()
        expect("corruptions 0 " in words and (leaks or "leaks 0 " in words),
               f"check of {path}: {words}")


class Model:
    """What the guest should see."""

    def __init__(self, size, seed, base=b""):
        self.bytes = bytearray(base[:size]) + bytearray(max(0, size - len(base)))
        self.random = random.Random(seed)

    def place(self, unit=SECTOR, longest=3 * MIB):
        units = len(self.bytes) // unit
        start = self.random.randrange(units) * unit
        length = self.random.choice([unit, 7 * unit, 64 * unit, 1000 * unit, longest])
        return start, min(length // unit * unit, len(self.bytes) - start)

    def fill(self, start, length, value):
        self.bytes[start:start + length] = bytes([value]) * length

    def tool_script(self, steps, zero=True):
        """Random commands of imagetool's `run`, carried out on the model, too."""
        lines = []
        for _ in range(steps):
            start, length = self.place()
            choice = self.random.randrange(10)
            if choice < 6:
                value = self.random.randrange(1, 256)
                self.fill(start, length, value)
                lines.append(f"write {start} {length} {value}")
            elif choice < 8 and zero:
                self.fill(start, length, 0)
                lines.append(f"{self.random.choice(['zero', 'discard'])} {start} {length}")
            else:
                lines.append(self.random.choice(["flush", "reopen"]))
        return lines

    def qemu_commands(self, steps):
        """The same for qemu-io."""
        commands = []
        for _ in range(steps):
            start, length = self.place()
            if self.random.randrange(4) == 0:
                self.fill(start, length, 0)
                commands += ["-c", f"write -z {start} {length}"]
            else:
                value = self.random.randrange(1, 256)
                self.fill(start, length, value)
                commands += ["-c", f"write -P {value} {start} {length}"]
        return commands

    def resize(self, size):
        del self.bytes[size:]
        self.bytes += bytes(size - len(self.bytes))

    def require(self, content, who):
        if content == self.bytes:
            return
        expect(len(content) == len(self.bytes),
               f"{who}: {len(content)} bytes instead of {len(self.bytes)}")
        first = next(i for i in range(len(content)) if content[i] != self.bytes[i])
        expect(False, f"{who}: byte {first} is {content[first]} and not {self.bytes[first]}")


def qemu_content(path, form, folder):
    raw = os.path.join(folder, "qemu.raw")
    call("qemu-img", "convert", "-f", form, "-O", "raw", path, raw)
    with open(raw, "rb") as file:
        return file.read()


def real_image(name, folder):
    """A real image, unpacked; None, with a word, where there is none."""
    packed = os.path.join(REAL_IMAGES, name + ".xz")
    if not os.path.exists(packed):
        print(f"skipped: no {name} among the real images")
        return None, None
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(call("xz", "-dc", packed))
    with open(os.path.join(REAL_IMAGES, "INDEX.tsv"), encoding="utf-8") as index:
        rows = [line.rstrip("\n").split("\t") for line in index]
    return path, next(row[-1] for row in rows if row[0] == name + ".xz")


def work_folder():
    """In memory where that is possible: images are flushed often."""
    memory = "/dev/shm"
    return tempfile.TemporaryDirectory(dir=memory if os.access(memory, os.W_OK) else None)


def require_programs(*names):
    missing = [name for name in names if shutil.which(name) is None]
    if missing:
        print(f"skipped: {', '.join(missing)} not installed")
        sys.exit(77)
