#!/usr/bin/env python3
"""Checks that every name which a binary imports is exported where it has to load: by the older
kernel and system whose exports are listed one name a line in EXPORTS/<library>.txt, and by Wine.

usage: check_imports.py ALLOWED EXPORTS [--wine FOLDER] BINARY...
"""

import argparse
import pathlib
import struct
import sys


class Image:
    """As much of a PE file as its import and export tables need."""

    def __init__(self, path: pathlib.Path):
        self.data = path.read_bytes()
        header = self.number("<I", 0x3C)
        if self.data[header : header + 4] != b"PE\0\0":
            sys.exit(f"{path}: not a PE file")
        section_count, optional_bytes = self.number("<H", header + 6), self.number("<H", header + 20)
        self.optional = header + 24
        self.is_64_bit = self.number("<H", self.optional) == 0x20B
        table = self.optional + optional_bytes
        self.sections = [
            struct.unpack_from("<4I", self.data, table + 40 * index + 8)
            for index in range(section_count)
        ]

    def number(self, kind: str, offset: int) -> int:
        return struct.unpack_from(kind, self.data, offset)[0]

    def offset(self, address: int) -> int:
        for virtual_bytes, start, raw_bytes, raw_start in self.sections:
            if start <= address < start + max(virtual_bytes, raw_bytes):
                return address - start + raw_start
        raise ValueError(f"address {address:#x} is in no section")

    def text(self, address: int) -> str:
        start = self.offset(address)
        return self.data[start : self.data.index(b"\0", start)].decode("ascii")

    def directory(self, index: int) -> int:
        return self.number("<I", self.optional + (112 if self.is_64_bit else 96) + 8 * index)

    def imports(self):
        """Pairs of library and name."""
        if self.directory(1) == 0:
            return
        entry = self.offset(self.directory(1))
        while self.number("<I", entry + 12):
            library = self.text(self.number("<I", entry + 12)).lower()
            names = self.number("<I", entry) or self.number("<I", entry + 16)
            yield from ((library, name) for name in self.thunks(self.offset(names)))
            entry += 20

    def thunks(self, at: int):
        kind, step = ("<Q", 8) if self.is_64_bit else ("<I", 4)
        while value := self.number(kind, at):
            by_ordinal = value >> (step * 8 - 1)
            yield f"ordinal {value & 0xFFFF}" if by_ordinal else self.text(value + 2)
            at += step

    def exports(self) -> set[str]:
        table = self.offset(self.directory(0))
        count, names = self.number("<I", table + 24), self.number("<I", table + 32)
        start = self.offset(names)
        return {self.text(self.number("<I", start + 4 * index)) for index in range(count)}


class Listed:
    """Libraries whose exports are written down."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.known = folder, {}

    def names(self, library: str) -> set[str]:
        if library not in self.known:
            path = self.folder / f"{library}.txt"
            self.known[library] = set(path.read_text().split()) if path.exists() else set()
        return self.known[library]


class Wine(Listed):
    """Wine's own libraries."""

    def names(self, library: str) -> set[str]:
        if library not in self.known:
            path = self.folder / library
            self.known[library] = Image(path).exports() if path.exists() else set()
        return self.known[library]


def read_allowed(path: pathlib.Path) -> set[tuple[str, str]]:
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return {(library.lower(), name) for library, name in filter(None, lines)}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("allowed", type=pathlib.Path)
    parser.add_argument("exports", type=pathlib.Path)
    parser.add_argument("--wine", type=pathlib.Path)
    parser.add_argument("binaries", nargs="+", type=pathlib.Path)
    arguments = parser.parse_args()

    places = [Listed(arguments.exports)]
    if arguments.wine:
        places.append(Wine(arguments.wine))

    allowed = read_allowed(arguments.allowed)
    missing = count = 0
    for binary in arguments.binaries:
        for library, name in Image(binary).imports():
            count += 1
            for place in places:
                if name not in place.names(library) and (library, name) not in allowed:
                    missing += 1
                    print(f"{binary.name} imports {name} of {library}: not in {place.folder}")
    print(f"{count} imports of {len(arguments.binaries)} binaries, {missing} missing")
    sys.exit(1 if missing else 0)


if __name__ == "__main__":
    main()
