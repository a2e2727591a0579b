"""A reader of VHDX written from [MS-VHDX], for comparison with the engine; nothing is shared.

    image = Image(path)          opens the file and the chain of its parents
    image.read(offset, length)   the guest's view
    image.problems()             what contradicts the format, as a list of sentences

It also makes logs (`LogEntry`, `write_log`), so that recovery is tested on more than our own.
"""

import os
import struct
import uuid

MIB = 1 << 20
SECTOR = 4096


def _crc_table():
    table = []
    for value in range(256):
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        table.append(value)
    return table


_TABLE = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = (crc >> 8) ^ _TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def with_checksum(data, position):
    data = bytearray(data)
    data[position:position + 4] = bytes(4)
    data[position:position + 4] = struct.pack("<I", crc32c(data))
    return bytes(data)


def checksum_is_right(data, position):
    return with_checksum(data, position) == bytes(data)


BAT = uuid.UUID("2dc27766-f623-4200-9d64-115e9bfd4a08")
METADATA = uuid.UUID("8b7ca206-4790-4b9a-b8fe-575f050f886e")
FILE_PARAMETERS = uuid.UUID("caa16737-fa36-4d43-b3b6-33f0aa44e76b")
DISK_SIZE = uuid.UUID("2fa54224-cd1b-4876-b211-5dbed83bf4b8")
LOGICAL_SECTOR = uuid.UUID("8141bf1d-a96f-4709-ba47-f233a8faab5f")
PHYSICAL_SECTOR = uuid.UUID("cda348c7-445d-4471-9cc9-e9885251c556")
DISK_ID = uuid.UUID("beca12ab-b2e6-4523-93ef-c309e000c746")
LOCATOR = uuid.UUID("a8d35f2d-b30b-454d-abf7-d3d84834ab0c")
LOCATOR_TYPE = uuid.UUID("b04aefb7-d19e-4a81-b789-25b8e9445913")
NOBODY = uuid.UUID(int=0)

NOT_PRESENT, UNDEFINED, ZERO, UNMAPPED, FULL, PARTIAL = 0, 1, 2, 3, 6, 7


class Header:
    FORMAT = "<4sIQ16s16s16sHHIQ"

    def __init__(self, data):
        (self.signature, _, self.sequence, file_write, data_write, log, self.log_version,
         self.version, self.log_length, self.log_offset) = struct.unpack_from(self.FORMAT, data)
        self.file_write = uuid.UUID(bytes_le=file_write)
        self.data_write = uuid.UUID(bytes_le=data_write)
        self.log = uuid.UUID(bytes_le=log)
        self.valid = self.signature == b"head" and checksum_is_right(data, 4)

    def pack(self):
        data = struct.pack(self.FORMAT, b"head", 0, self.sequence, self.file_write.bytes_le,
                           self.data_write.bytes_le, self.log.bytes_le, self.log_version,
                           self.version, self.log_length, self.log_offset)
        return with_checksum(data.ljust(4096, b"\0"), 4)


def read_headers(file):
    headers = []
    for slot in (1, 2):
        file.seek(slot * 65536)
        headers.append(Header(file.read(4096)))
    return headers


def current_header(file):
    return max((header for header in read_headers(file) if header.valid),
               key=lambda header: header.sequence)


def set_log_guid(path, guid):
    """Makes both headers name a log."""
    with open(path, "r+b") as file:
        header = current_header(file)
        for slot in (1, 2):
            header.sequence += 1
            header.log = guid
            file.seek(slot * 65536)
            file.write(header.pack())
    return header


class LogEntry:
    """An entry to be written: pages and zeros as (offset, bytes) and (offset, length)."""

    def __init__(self, sequence, guid, pages=(), zeros=(), tail=None, flushed=None, last=None):
        self.sequence, self.guid = sequence, guid
        self.pages, self.zeros = list(pages), list(zeros)
        self.tail, self.flushed, self.last = tail, flushed, last

    def sectors(self):
        count = len(self.pages) + len(self.zeros)
        return 1 + max(0, count - 126 + 127) // 128 + len(self.pages)

    def pack(self, position, file_bytes):
        descriptors, data = [], []
        for offset, length in self.zeros:
            descriptors.append(struct.pack("<4sIQQQ", b"zero", 0, length, offset, self.sequence))
        for offset, page in self.pages:
            descriptors.append(struct.pack("<4s4s8sQQ", b"desc", page[-4:], page[:8], offset,
                                           self.sequence))
            data.append(struct.pack("<4sI", b"data", self.sequence >> 32) + page[8:-4] +
                        struct.pack("<I", self.sequence & 0xFFFFFFFF))
        length = self.sectors() * SECTOR
        head = struct.pack("<4sIIIQII16sQQ", b"loge", 0, length,
                           position if self.tail is None else self.tail, self.sequence,
                           len(descriptors), 0, self.guid.bytes_le,
                           file_bytes if self.flushed is None else self.flushed,
                           file_bytes if self.last is None else self.last)
        body = (head + b"".join(descriptors)).ljust(length - len(data) * SECTOR, b"\0")
        return with_checksum(body + b"".join(data), 4)


def write_log(path, entries, start=0, keep=False):
    """Writes entries after each other on the ring, from `start` on; returns their positions."""
    positions = []
    with open(path, "r+b") as file:
        header = current_header(file)
        size = os.fstat(file.fileno()).st_size
        ring = bytearray(header.log_length)
        if keep:
            file.seek(header.log_offset)
            ring[:] = file.read(header.log_length)
        for entry in entries:
            positions.append(start)
            packed = entry.pack(start, size)
            for index in range(0, len(packed), SECTOR):
                at = (start + index) % header.log_length
                ring[at:at + SECTOR] = packed[index:index + SECTOR]
            start = (start + len(packed)) % header.log_length
        file.seek(header.log_offset)
        file.write(ring)
    return positions


class Log:
    """The active sequence of a ring, by 2.3.3, and what it replays."""

    def __init__(self, ring, guid):
        self.ring, self.guid = ring, guid
        self.entries = {}
        for position in range(0, len(ring), SECTOR):
            entry = self._parse(position)
            if entry is not None:
                self.entries[position] = entry

    def _bytes(self, position, length):
        both = self.ring[position:] + self.ring[:position]
        return both[:length]

    def _parse(self, position):
        head = self.ring[position:position + SECTOR]
        (signature, _, length, tail, sequence, count, _, guid, flushed,
         last) = struct.unpack_from("<4sIIIQII16sQQ", head)
        if (signature != b"loge" or guid != self.guid.bytes_le or length == 0 or
                length % SECTOR or length > len(self.ring) or tail % SECTOR or sequence == 0):
            return None
        data = self._bytes(position, length)
        if not checksum_is_right(data, 4):
            return None
        sectors = 1 if count <= 126 else 1 + (count - 126 + 127) // 128
        pages, next_data = [], sectors * SECTOR
        for index in range(count):
            at = 64 + index * 32
            kind, trailing, leading, offset, number = struct.unpack_from("<4s4s8sQQ", data, at)
            if number != sequence or offset % SECTOR:
                return None
            if kind == b"zero":
                pages.append((offset, struct.unpack("<Q", leading)[0], None))
            elif kind == b"desc":
                page = data[next_data:next_data + SECTOR]
                next_data += SECTOR
                if len(page) < SECTOR or page[:4] != b"data" or \
                        page[4:8] + page[-4:] != struct.pack("<II", sequence >> 32,
                                                             sequence & 0xFFFFFFFF):
                    return None
                pages.append((offset, SECTOR, leading + page[8:-4] + trailing))
            else:
                return None
        return {"length": length, "tail": tail, "sequence": sequence, "pages": pages,
                "flushed": flushed, "last": last}

    def active(self):
        best = None
        for start in self.entries:
            chain, position = [start], start
            while True:
                entry = self.entries[position]
                position = (position + entry["length"]) % len(self.ring)
                following = self.entries.get(position)
                if following is None or position in chain or \
                        following["sequence"] != entry["sequence"] + 1:
                    break
                chain.append(position)
            head = self.entries[chain[-1]]
            if head["tail"] not in chain:
                continue
            if best is None or head["sequence"] > self.entries[best[-1]]["sequence"]:
                best = chain[chain.index(head["tail"]):]
        if best is None:
            raise ValueError("the log has no active sequence")
        return [self.entries[position] for position in best]


class Image:
    def __init__(self, path, depth=0):
        self.path = path
        with open(path, "rb") as file:
            self.data = bytearray(file.read())
        if self.data[:8] != b"vhdxfile":
            raise ValueError("no VHDX")
        with open(path, "rb") as file:
            self.headers = read_headers(file)
            self.header = current_header(file)
        if self.header.log != NOBODY:
            self._replay()
        self._load_regions()
        self._load_metadata()
        self.parent = self._open_parent(depth) if self.has_parent else None

    def _replay(self):
        ring = bytes(self.data[self.header.log_offset:][:self.header.log_length])
        active = Log(ring, self.header.log).active()
        if active[-1]["flushed"] > len(self.data):
            raise ValueError("the file was truncated")
        self.data.extend(bytes(max(0, active[-1]["last"] - len(self.data))))
        for entry in active:
            for offset, length, page in entry["pages"]:
                self.data[offset:offset + length] = bytes(length) if page is None else page

    def _load_regions(self):
        for start in (192 * 1024, 256 * 1024):
            table = bytes(self.data[start:start + 65536])
            if table[:4] == b"regi" and checksum_is_right(table, 4):
                break
        else:
            raise ValueError("no region table is valid")
        self.regions = {}
        for index in range(struct.unpack_from("<I", table, 8)[0]):
            guid, offset, length, _ = struct.unpack_from("<16sQII", table, 16 + index * 32)
            self.regions[uuid.UUID(bytes_le=guid)] = (offset, length)

    def _load_metadata(self):
        start, _ = self.regions[METADATA]
        items = {}
        for index in range(struct.unpack_from("<H", self.data, start + 10)[0]):
            guid, offset, length = struct.unpack_from("<16sII", self.data, start + 32 + index * 32)
            items[uuid.UUID(bytes_le=guid)] = bytes(
                self.data[start + offset:start + offset + length])
        self.items = items
        self.block, flags = struct.unpack("<II", items[FILE_PARAMETERS])
        self.fixed, self.has_parent = bool(flags & 1), bool(flags & 2)
        self.size, = struct.unpack("<Q", items[DISK_SIZE])
        self.sector, = struct.unpack("<I", items[LOGICAL_SECTOR])
        self.chunk = (self.sector << 23) // self.block

    def locator(self):
        item = self.items[LOCATOR]
        if uuid.UUID(bytes_le=item[:16]) != LOCATOR_TYPE:
            raise ValueError("an unknown kind of locator")
        pairs = {}
        for index in range(struct.unpack_from("<H", item, 18)[0]):
            key, value, key_length, value_length = struct.unpack_from("<IIHH", item,
                                                                      20 + index * 12)
            pairs[item[key:key + key_length].decode("utf-16-le")] = \
                item[value:value + value_length].decode("utf-16-le")
        return pairs

    def _open_parent(self, depth):
        pairs = self.locator()
        name = pairs["relative_path"].replace("\\", "/")
        parent = Image(os.path.join(os.path.dirname(self.path), name), depth + 1)
        if parent.header.data_write != uuid.UUID(pairs["parent_linkage"]):
            raise ValueError("the parent has another identity")
        return parent

    def entry(self, index):
        value, = struct.unpack_from("<Q", self.data, self.regions[BAT][0] + index * 8)
        return value & 7, (value >> 20) * MIB

    def payload(self, block):
        return self.entry(block + block // self.chunk)

    def bitmap(self, block):
        return self.entry((block // self.chunk + 1) * self.chunk + block // self.chunk)

    def _from_parent(self, offset, length):
        if self.parent is None or offset >= self.parent.size:
            return bytes(length)
        piece = min(length, self.parent.size - offset)
        return self.parent.read(offset, piece) + bytes(length - piece)

    def _sector(self, offset):
        block, within = divmod(offset, self.block)
        state, place = self.payload(block)
        if state == PARTIAL:
            bit = (block % self.chunk * self.block + within) // self.sector
            _, bitmap = self.bitmap(block)
            state = FULL if self.data[bitmap + bit // 8] >> bit % 8 & 1 else NOT_PRESENT
        if state == FULL:
            return bytes(self.data[place + within:place + within + self.sector])
        if state == NOT_PRESENT:
            return self._from_parent(offset, self.sector)
        return bytes(self.sector)

    def _part(self, block, start, end):
        """Bytes [start, end) of a block, which are whole sectors."""
        state, place = self.payload(block)
        if state == FULL:
            return bytes(self.data[place + start:place + end])
        if state == NOT_PRESENT:
            return self._from_parent(block * self.block + start, end - start)
        if state != PARTIAL:
            return bytes(end - start)
        return b"".join(self._sector(block * self.block + within)
                        for within in range(start, end, self.sector))

    def read(self, offset, length):
        result = []
        end = min(offset + length, self.size)
        for block in range(offset // self.block, -(-end // self.block)):
            start = block * self.block
            result.append(self._part(block, max(0, offset - start), min(end - start, self.block)))
        return b"".join(result)

    def problems(self):
        found, owners = [], {}

        def claim(name, offset, length):
            if offset % MIB or offset < MIB or offset + length > len(self.data):
                found.append(f"{name} lies at {offset}, outside of the file or not at a MiB")
            for mib in range(offset // MIB, (offset + length) // MIB):
                if mib in owners:
                    found.append(f"{name} and {owners[mib]} share {mib} MiB")
                owners[mib] = name

        if not all(header.valid for header in self.headers):
            found.append("a header is not valid")
        claim("log", self.header.log_offset, self.header.log_length)
        for guid, (offset, length) in self.regions.items():
            claim(f"region {guid}", offset, length)
        if self.data[192 * 1024:256 * 1024] != self.data[256 * 1024:320 * 1024]:
            found.append("the region tables differ")
        blocks = -(-self.size // self.block)
        for block in range(blocks):
            state, place = self.payload(block)
            if state in (FULL, PARTIAL):
                claim(f"block {block}", place, self.block)
            if state == PARTIAL and (not self.has_parent or self.bitmap(block)[0] != FULL):
                found.append(f"block {block} has no bitmap")
            if self.fixed and state != FULL:
                found.append(f"block {block} of a fixed image is in state {state}")
        for block in range(0, blocks if self.has_parent else 0, self.chunk):
            state, place = self.bitmap(block)
            if state == FULL:
                claim(f"bitmap of block {block}", place, MIB)
        return found
