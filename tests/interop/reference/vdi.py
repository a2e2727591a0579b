"""Reads VDI images by the layout of VirtualBox's header files, chains of differencing images
included, and insists on every rule. Written for tests, not for speed."""

import os
import struct

SECTOR = 512
ABSENT, ZERO = 0xFFFFFFFF, 0xFFFFFFFE
DYNAMIC, FIXED, DIFFERENCING = 1, 2, 4


class Wrong(Exception):
    """The image breaks a rule."""


def require(condition, sentence):
    if not condition:
        raise Wrong(sentence)


class Image:
    def __init__(self, path, parents=()):
        """`parents`: paths of images among which the parent is, by its identity."""
        with open(path, "rb") as file:
            self.data = file.read()
        signature, version, length, self.type, _ = struct.unpack_from("<IIIII", self.data, 64)
        require(signature == 0xBEDA107F and version == 0x00010001, "signature or version")
        require(length >= 384 and self.type in (DYNAMIC, FIXED, DIFFERENCING), "length or type")
        self.comment = self.data[84:340].rstrip(b"\0").decode()
        self.table_offset, self.data_offset = struct.unpack_from("<II", self.data, 340)
        (self.size, self.block, self.extra, self.count,
         allocated) = struct.unpack_from("<QIIII", self.data, 368)
        (self.identity, self.modified, self.parent_identity,
         self.parent_modified) = struct.unpack_from("16s16s16s16s", self.data, 392)
        require(self.block & (self.block - 1) == 0, "block size")
        require(self.count * self.block >= self.size, "too few blocks")
        require(self.data_offset >= self.table_offset + 4 * self.count, "data in the map")
        require(self.identity != bytes(16) and self.modified != bytes(16), "no identity")
        self.table = struct.unpack_from(f"<{self.count}I", self.data, self.table_offset)
        slots = [entry for entry in self.table if entry < ZERO]
        require(len(slots) == allocated, f"{len(slots)} blocks, of which the header knows {allocated}")
        require(len(set(slots)) == len(slots), "two blocks in one slot")
        require(all(slot < self.count for slot in slots), "a slot number that is too large")
        require(all(self.data_offset + (slot + 1) * (self.block + self.extra) <= len(self.data)
                    for slot in slots), "a slot beyond the end")
        self.parent = None
        if self.type == DIFFERENCING:
            self.find_parent(parents)

    def find_parent(self, parents):
        for index, path in enumerate(parents):
            candidate = Image(path, parents[:index] + parents[index + 1:])
            if candidate.identity == self.parent_identity:
                require(candidate.modified == self.parent_modified, "the parent has changed")
                self.parent = candidate
        require(self.parent is not None, "no parent")

    def read_block(self, block):
        entry = self.table[block]
        if entry < ZERO:
            at = self.data_offset + entry * (self.block + self.extra) + self.extra
            return self.data[at:at + self.block]
        if entry == ABSENT and self.parent:
            return self.parent.read(block * self.block, self.block)
        return bytes(self.block)

    def read(self, offset, length):
        """Zeros beyond the end."""
        data = b""
        while len(data) < length:
            block, within = divmod(offset + len(data), self.block)
            if block >= self.count:
                break
            data += self.read_block(block)[within:]
        data = data[:min(length, max(0, self.size - offset))]
        return data + bytes(length - len(data))

    def content(self):
        return self.read(0, self.size)


def named_beside(path):
    """The images in the folder of one, other than itself."""
    folder = os.path.dirname(path)
    return tuple(os.path.join(folder, name) for name in sorted(os.listdir(folder))
                 if name.endswith(".vdi") and name != os.path.basename(path))
