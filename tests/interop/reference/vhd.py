"""Reads VHD images by the specification ("Virtual Hard Disk Image Format Specification" 1.0), chains
of differencing images included, and insists on every rule. Written for tests, not for speed."""

import os
import struct

SECTOR = 512
ABSENT = 0xFFFFFFFF
FIXED, DYNAMIC, DIFFERENCING = 2, 3, 4


class Wrong(Exception):
    """The image breaks a rule."""


def require(condition, sentence):
    if not condition:
        raise Wrong(sentence)


def checksum(data, position):
    return ~(sum(data) - sum(data[position:position + 4])) & 0xFFFFFFFF


class Image:
    def __init__(self, path, with_parent=True):
        self.path = path
        with open(path, "rb") as file:
            self.data = file.read()
        self.footer(self.data[-SECTOR:])
        self.parent = None
        if self.type == FIXED:
            require(len(self.data) >= self.size + SECTOR, "the file is too short")
            return
        require(self.data[:SECTOR] == self.data[-SECTOR:], "the footers differ")
        self.header(self.data[self.data_offset:self.data_offset + 1024])
        self.blocks()
        if self.type == DIFFERENCING and with_parent:
            self.parent = Image(self.parent_path())
            require(self.parent.identity == self.parent_identity, "the parent is another one")

    def footer(self, footer):
        require(footer[:8] == b"conectix", "no footer")
        features, version, self.data_offset = struct.unpack_from(">IIQ", footer, 8)
        require(features & 2, "the reserved feature bit is not set")
        require(version == 0x00010000, "another version")
        self.creator = footer[28:32]
        self.original_size, self.size = struct.unpack_from(">QQ", footer, 40)
        self.geometry = struct.unpack_from(">HBB", footer, 56)
        self.type, total = struct.unpack_from(">II", footer, 60)
        self.identity = footer[68:84]
        require(total == checksum(footer, 64), "footer checksum")
        require(self.type in (FIXED, DYNAMIC, DIFFERENCING), "type")
        require(self.type != FIXED or self.data_offset == 2 ** 64 - 1, "data offset of a fixed disk")
        require(self.geometry == geometry(self.size // SECTOR), "geometry")

    def header(self, header):
        require(header[:8] == b"cxsparse", "no dynamic header")
        (unused, self.table_offset, version, self.entries, self.block,
         total) = struct.unpack_from(">QQIIII", header, 8)
        require(unused == 2 ** 64 - 1, "data offset of the dynamic header")
        require(version == 0x00010000 and total == checksum(header, 36), "header checksum")
        require(self.block & (self.block - 1) == 0, "block size")
        require(self.entries * self.block >= self.size, "too few entries")
        self.parent_identity = header[40:56]
        self.parent_name = header[64:576].decode("utf-16-be").rstrip("\0")
        self.locators = {}
        for at in range(576, 768, 24):
            code, _, length, _, offset = struct.unpack_from(">4sIIIQ", header, at)
            if code != b"\0\0\0\0":
                require(offset + length <= len(self.data), "a locator beyond the end")
                self.locators[code] = self.data[offset:offset + length]

    def blocks(self):
        count = -(-self.size // self.block)
        self.table = struct.unpack_from(f">{count}I", self.data, self.table_offset)
        self.bitmap = -(-(self.block // SECTOR // 8) // SECTOR) * SECTOR
        areas = [(0, SECTOR), (self.data_offset, 1024),
                 (self.table_offset, -(-self.entries * 4 // SECTOR) * SECTOR),
                 (len(self.data) - SECTOR, SECTOR)]
        areas += [(entry * SECTOR, self.bitmap + self.block) for entry in self.table
                  if entry != ABSENT]
        areas.sort()
        for (one, length), (next_one, _) in zip(areas, areas[1:]):
            require(one + length <= next_one, f"{one} and {next_one} overlap")

    def parent_path(self):
        folder = os.path.dirname(self.path)
        if b"W2ru" in self.locators:
            name = self.locators[b"W2ru"].decode("utf-16-le").replace("\\", "/")
            return os.path.normpath(os.path.join(folder, name))
        if b"W2ku" in self.locators:
            return self.locators[b"W2ku"].decode("utf-16-le")
        return os.path.join(folder, self.parent_name)

    def sector(self, number):
        """512 bytes, or None beyond the end of a smaller parent."""
        if number * SECTOR >= self.size:
            return None
        if self.type == FIXED:
            return self.data[number * SECTOR:(number + 1) * SECTOR]
        block, within = divmod(number, self.block // SECTOR)
        entry = self.table[block]
        if entry != ABSENT:
            at = entry * SECTOR
            if self.data[at + within // 8] & 0x80 >> within % 8:
                at += self.bitmap + within * SECTOR
                return self.data[at:at + SECTOR]
        return self.parent.sector(number) if self.parent else None

    def content(self):
        zeros = bytes(SECTOR)
        return b"".join(self.sector(i) or zeros for i in range(self.size // SECTOR))


def geometry(total):
    """Appendix "CHS Calculation"."""
    total = min(total, 65535 * 16 * 255)
    if total >= 65535 * 16 * 63:
        sectors, heads = 255, 16
        rows = total // sectors
    else:
        sectors = 17
        rows = total // sectors
        heads = max(4, (rows + 1023) // 1024)
        if rows >= heads * 1024 or heads > 16:
            sectors, heads = 31, 16
            rows = total // sectors
        if rows >= heads * 1024:
            sectors, heads = 63, 16
            rows = total // sectors
    return rows // heads, heads, sectors
