#!/usr/bin/env python3
"""Writes the checksum of a PE file into its optional header (the linker leaves it zero)."""

import struct
import sys


def checksum(image: bytes, field: int) -> int:
    """The PE checksum: the 16-bit one's-complement sum without the field itself, plus the length."""
    padded = image[:field] + b"\0\0\0\0" + image[field + 4 :]
    if len(padded) % 2:
        padded += b"\0"
    total = sum(struct.unpack(f"<{len(padded) // 2}H", padded))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total + len(image)


def main() -> None:
    path = sys.argv[1]
    with open(path, "r+b") as file:
        image = file.read()
        header = struct.unpack_from("<I", image, 0x3C)[0]
        if image[header : header + 4] != b"PE\0\0":
            sys.exit(f"{path}: not a PE file")
        field = header + 24 + 64
        file.seek(field)
        file.write(struct.pack("<I", checksum(image, field)))


if __name__ == "__main__":
    main()
