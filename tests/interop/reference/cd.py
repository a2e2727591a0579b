"""Writers of CD images, from the descriptions of their formats: raw sectors, cue sheets, NRG, MDS.

A track is (kind, stored bytes of a sector, user data), kind being "AUDIO", "MODE1" or "MODE2".
"""

import struct

USER = 2048
SYNC = b"\0" + b"\xff" * 10 + b"\0"


def bcd(number):
    return number // 10 * 16 + number % 10


def address(lba):
    lba += 150
    return bytes(map(bcd, (lba // 4500, lba // 75 % 60, lba % 75)))


def sector(kind, stored, lba, data):
    """One sector as it is stored; error correction is left out, and never looked at."""
    subheader = b"\0\0\x08\0" * 2
    if kind == "AUDIO":
        raw = data
    elif stored == 2048:
        raw = data
    elif stored == 2336:
        raw = subheader + data
    else:
        raw = SYNC + address(lba) + (b"\1" if kind == "MODE1" else b"\2" + subheader) + data
    main = stored - 96 if stored == 2448 else stored
    raw += bytes([0xEC]) * (main - len(raw))
    return raw + bytes([0x5B]) * (stored - main)


def stored_track(track, lba):
    kind, stored, data = track
    unit = 2352 if kind == "AUDIO" else USER
    return b"".join(sector(kind, stored, lba + at // unit, data[at:at + unit])
                    for at in range(0, len(data), unit))


def sectors_of(track):
    return len(track[2]) // (2352 if track[0] == "AUDIO" else USER)


def sound(sectors, seed):
    return bytes((seed + at * 7) & 0xFF for at in range(2352)) * sectors


def time(frames):
    return f"{frames // 4500:02}:{frames // 75 % 60:02}:{frames % 75:02}"


def cue(files):
    """(text, {name: bytes}) of files given as (name, [(track, sectors of its gap), ...])."""
    lines, contents, number, lba = ["REM made by hand"], {}, 1, 0
    for name, tracks in files:
        lines.append(f'FILE "{name}" BINARY')
        frame, content = 0, b""
        for track, gap in tracks:
            kind = track[0] if track[0] == "AUDIO" else f"{track[0]}/{track[1]}"
            lines.append(f"  TRACK {number:02} {kind}")
            if gap:
                lines.append(f"    INDEX 00 {time(frame)}")
                content += bytes([0x6A]) * track[1] * gap
                frame += gap
            lines.append(f"    INDEX 01 {time(frame)}")
            content += stored_track(track, lba + frame)
            frame += sectors_of(track)
            number += 1
        contents[name] = content
        lba += frame
    return "\r\n".join(lines) + "\r\n", contents


NRG_MODES = {("MODE1", 2048): 0, ("MODE2", 2048): 2, ("MODE2", 2336): 3, ("MODE1", 2352): 5,
             ("MODE2", 2352): 6, ("AUDIO", 2352): 7, ("MODE1", 2448): 15, ("AUDIO", 2448): 16,
             ("MODE2", 2448): 17}


def chunk(name, content):
    return name + struct.pack(">I", len(content)) + content


def nrg(tracks, wide=True, at_once=True, gap=150):
    content, entries, lba = b"", b"", 0
    for track in tracks:
        kind, stored, _ = track
        mode = NRG_MODES[kind, stored]
        before = len(content)
        if at_once:
            content += bytes([0x6A]) * stored * gap
        begin = len(content)
        content += stored_track(track, lba)
        if at_once:
            entries += struct.pack(">12sHB3x" + ("QQQ" if wide else "III"), b"", stored, mode,
                                   before, begin, len(content))
        elif wide:
            entries += struct.pack(">QQIIQ", begin, len(content) - begin, mode, lba, 0)
        else:
            entries += struct.pack(">IIIII", begin, len(content) - begin, mode, lba, 0)
        lba += sectors_of(track)
    start = len(content)
    if at_once:
        header = struct.pack("<I", len(entries)) + bytes(14) + bytes([0, 1, 1, len(tracks)])
        content += chunk(b"CUEX" if wide else b"CUES", bytes(16))
        content += chunk(b"DAOX" if wide else b"DAOI", header + entries)
    else:
        content += chunk(b"ETN2" if wide else b"ETNF", entries)
    content += chunk(b"SINF", struct.pack(">I", len(tracks)))
    content += chunk(b"MTYP", struct.pack(">I", 1)) + chunk(b"END!", b"")
    if wide:
        return content + b"NER5" + struct.pack(">Q", start)
    return content + b"NERO" + struct.pack(">I", start)


MDS_MODES = {"AUDIO": 0xA9, "MODE1": 0xAA, "MODE2": 0xAC}


def mds(tracks, names=("*.mdf",), wide_names=False, dvd=False):
    """(description, data); what there is of the data goes into the files one after the other."""
    count = len(tracks) + 3
    blocks_at = 88 + 24
    lengths_at = blocks_at + 80 * count
    footers_at = lengths_at + 8 * len(tracks)
    names_at = footers_at + 16 * len(names)
    session = struct.pack("<iiHBBHHII", -150, 0, 1, count, 3, 1, len(tracks), 0, blocks_at)
    blocks, lengths, data, lba = b"", b"", b"", 0
    for point in (0xA0, 0xA1, 0xA2):
        blocks += bytes([0, 0, 0x14, 0, point]) + bytes(75)
    for number, track in enumerate(tracks, 1):
        kind, stored, _ = track
        sectors = sectors_of(track)
        extra = sectors if dvd else lengths_at + 8 * (number - 1)
        block = bytes([MDS_MODES[kind], 8 if stored == 2448 else 0, 0x14, 0, number]) + bytes(7)
        block += struct.pack("<IH18xIQII24x", extra, stored, lba, len(data), len(names),
                             footers_at)
        blocks += block
        lengths += struct.pack("<II", 0 if number > 1 else 150, sectors)
        data += stored_track(track, lba)
        lba += sectors
    footers, text = b"", b""
    for name in names:
        footers += struct.pack("<IIII", names_at + len(text), int(wide_names), 0, 0)
        text += (name + "\0").encode("utf-16-le" if wide_names else "utf-8")
    header = b"MEDIA DESCRIPTOR" + bytes([1, 3]) + struct.pack("<HH", 16 if dvd else 0, 1)
    header = header.ljust(80, b"\0") + struct.pack("<II", 88, 0)
    return header + session + blocks + lengths + footers + text, data
