#!/usr/bin/env python3
"""Makes images of one CD in FOLDER: content.iso, and the same track in containers of other kinds.

Usage: make_cd_images.py FOLDER
"""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "interop"))
from reference import cd  # noqa: E402

SECTORS = 1000


def content():
    """A volume's descriptors, and sectors of which no two are equal."""
    disk = bytearray()
    for number in range(SECTORS):
        disk += bytes((number * 31 + at * 7 + at // 256) & 0xFF for at in range(cd.USER))
        disk[-cd.USER:-cd.USER + 4] = number.to_bytes(4, "little")
    for sector, kind in ((16, 1), (17, 255)):
        disk[sector * cd.USER:sector * cd.USER + 7] = bytes([kind]) + b"CD001\1"
    return bytes(disk)


def main():
    folder = sys.argv[1]
    data, song = content(), ("AUDIO", 2352, cd.sound(100, 3))
    sheet, parts = cd.cue([("songs.bin", [(song, 0)]), ("data.bin", [(("MODE1", 2352, data), 150)])])
    description, track = cd.mds([("MODE1", 2448, data)])
    files = {"content.iso": data, "disc.cue": sheet.encode(), **parts,
             "disc.nrg": cd.nrg([("MODE2", 2336, data), song]),
             "disc.mds": description, "disc.mdf": track}

    os.makedirs(folder, exist_ok=True)
    for name, content_bytes in files.items():
        with open(os.path.join(folder, name), "wb") as file:
            file.write(content_bytes)


main()
