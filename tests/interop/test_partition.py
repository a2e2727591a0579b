"""Partition tables as fdisk writes them, for sectors of 512 and of 4096 bytes, read by the engine."""

import os
import random
import re
import sys
import uuid

from images import MIB, Tool, call, expect, real_image, require_programs, work_folder

TOOL = Tool(sys.argv[1])
MBR_TYPES = ["1", "6", "7", "b", "c", "e", "82", "83", "8e", "fd", "a5", "27"]
GPT_TYPES = ["c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "e3c9e316-0b5c-4db8-817d-f92df00215ae",
             "ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "0fc63daf-8483-4772-8e79-3d69d8477de4",
             "12345678-9abc-def0-1122-334455667788"]
LETTERS = "abc XYZ 09-_.,+ äöü ßñé Ωжя 日本語"


def write_table(path, script, sector):
    """fdisk knows how to take sectors of another size; sfdisk does not."""
    folder = os.path.dirname(path)
    with open(os.path.join(folder, "script"), "w", encoding="utf-8") as file:
        file.write("\n".join(script) + "\n")
    commands = f"I\n{folder}/script\nw\n".encode()
    said = call("fdisk", "-b", str(sector), path, data=commands).decode(errors="replace")
    expect("successfully applied" in said, said)


def read_dump(path, sector):
    """What fdisk says of the table: number -> (offset, length, type, id, name)."""
    dump = path + ".dump"
    call("fdisk", "-b", str(sector), path, data=f"O\n{dump}\nq\n".encode())
    found = {}
    with open(dump, encoding="utf-8") as file:
        for line in file:
            match = re.match(r".*?(\d+) : start= *(\d+), size= *(\d+), type=([^,\n]*)(.*)", line)
            if not match:
                continue
            number, start, size, kind, rest = match.groups()
            identity = re.search(r"uuid=([^,\n]*)", rest)
            name = re.search(r'name="(.*)"', rest)
            found[int(number)] = (int(start) * sector, int(size) * sector, kind.lower(),
                                  identity.group(1).lower() if identity else str(uuid.UUID(int=0)),
                                  unescape(name.group(1)) if name else "", "bootable" in rest)
    os.remove(dump)
    return found


def unescape(name):
    return re.sub(rb"\\x(..)", lambda hit: bytes([int(hit.group(1), 16)]),
                  name.encode()).decode()


def read_ours(path, sector, form="raw"):
    lines = TOOL("partitions", path, form, sector).decode().splitlines()
    found = {}
    for line in lines[1:]:
        expect(line.startswith("partition\t"), line)
        _, number, offset, length, kind, identity, flags, name = line.split("\t")
        found[int(number)] = (int(offset), int(length), kind, identity, name, int(flags, 16))
    return lines[0].split(), found


def random_places(rng, first, last, count, gap):
    """Places in order, apart from each other."""
    edges = sorted(rng.sample(range(first + gap, last), 2 * count))
    for start, end in zip(edges[::2], edges[1::2]):
        yield start, max(1, end - start - gap)


def random_mbr(rng, sectors):
    """Up to three primary partitions, and logical drives behind them."""
    script, wanted = ["label: dos", f"label-id: 0x{rng.randrange(1, 1 << 32):08x}"], {}
    logical = rng.randrange(0, 40)
    primary = rng.randrange(0 if logical else 1, 4)
    middle = sectors // 3
    for number, (start, size) in enumerate(random_places(rng, 1, middle, primary, 0), 1):
        kind = rng.choice(MBR_TYPES)
        wanted[number] = (start, size, kind)
        script.append(f"{number} : start={start}, size={size}, type={kind}")
    if logical:
        kind = rng.choice(["5", "f", "85"])
        script.append(f"4 : start={middle}, size={sectors - middle}, type={kind}")
        for number, (start, size) in enumerate(
                random_places(rng, middle + 2, sectors, logical, 3), 5):
            kind = rng.choice(MBR_TYPES)
            wanted[number] = (start, size, kind)
            script.append(f"{number} : start={start}, size={size}, type={kind}")
    return script, wanted


def random_gpt(rng, sectors, sector):
    first = 2 + 16384 // sector
    script, wanted = ["label: gpt", f"label-id: {uuid.UUID(int=rng.getrandbits(128))}",
                      f"first-lba: {first}", f"grain: {sector}"], {}
    count = rng.choice([1, 2, 5, 30, 128])
    for number, (start, size) in enumerate(
            random_places(rng, first, sectors - first, count, 0), 1):
        kind, identity = rng.choice(GPT_TYPES), str(uuid.UUID(int=rng.getrandbits(128)))
        name = "".join(rng.choice(LETTERS) for _ in range(rng.randrange(0, 37))).strip()
        wanted[number] = (start, size, kind, identity, name)
        script.append(f'{number} : start={start}, size={size}, type={kind}, uuid={identity}, '
                      f'name="{name}"')
    return script, wanted


def judge(path, sector, style, wanted):
    head, ours = read_ours(path, sector)
    dumped = read_dump(path, sector)
    expect(head[1] == style, f"{path}: the style is {head[1]}")
    for number, (start, size, *rest) in wanted.items():
        expect(number in ours, f"{path}: there is no partition {number}")
        expect(ours[number][:2] == (start * sector, size * sector),
               f"{path}: partition {number} is at {ours[number][:2]}, not at {start}, {size}")
        expect(ours[number][2:2 + len(rest)] == tuple(rest),
               f"{path}: partition {number} is {ours[number]}, not {rest}")
    expect(set(ours) == set(wanted), f"{path}: partitions {set(ours)}")
    for number, facts in dumped.items():
        if facts[2] not in ("5", "f", "85"):
            expect(ours[number][:5] == facts[:5],
                   f"{path}: fdisk says {facts} of partition {number}, not {ours[number]}")
            expect(style == "gpt" or ours[number][5] == facts[5], f"{number} is active or not")


def tables(folder, seed, sector):
    rng = random.Random(seed)
    sectors = rng.choice([8, 64, 1024]) * MIB // sector
    path = os.path.join(folder, f"{seed}.img")
    with open(path, "wb") as file:
        file.truncate(sectors * sector)
    if seed % 2:
        script, wanted = random_mbr(rng, sectors)
        write_table(path, script, sector)
        judge(path, sector, "mbr", wanted)
    else:
        script, wanted = random_gpt(rng, sectors, sector)
        write_table(path, script, sector)
        judge(path, sector, "gpt", wanted)
        judge_damaged(path, sector, sectors, wanted, rng)
    os.remove(path)


def judge_damaged(path, sector, sectors, wanted, rng):
    """One copy is enough; a table for other sectors is not misread."""
    other = 4096 if sector == 512 else 512
    said = TOOL("partitions", path, "raw", other, codes=(0, 1)).decode()
    expect("partition\t" not in said, f"{path}: read with sectors of {other} bytes: {said}")
    damaged = rng.choice([sector, 2 * sector]) + rng.randrange(8, 90)
    with open(path, "r+b") as file:
        file.seek(damaged)
        byte = file.read(1)
        file.seek(damaged)
        file.write(bytes([byte[0] ^ 0x40]))
    lines = TOOL("partitions", path, "raw", sector).decode().splitlines()
    expect(any(line.startswith("note the first copy") for line in lines), "no word of the damage")
    expect(sum(line.startswith("partition\t") for line in lines) == len(wanted),
           "the second copy does not have them all")
    with open(path, "r+b") as file:
        file.seek((sectors - 1) * sector + 16)
        file.write(b"none")
    TOOL("partitions", path, "raw", sector, codes=(1,))


def deleted_logical(folder):
    """fdisk leaves empty links behind, or numbers anew; the places are the same."""
    path = os.path.join(folder, "deleted.img")
    with open(path, "wb") as file:
        file.truncate(64 * MIB)
    script = ["label: dos", "4 : start=2048, size=100000, type=5"]
    script += [f"{5 + i} : start={4096 + i * 8192}, size=4096, type=83" for i in range(8)]
    write_table(path, script, 512)
    for number in (5, 7, 9):
        call("sfdisk", "-q", "--delete", path, str(number))
        _, ours = read_ours(path, 512)
        dumped = read_dump(path, 512)
        expect(sorted(facts[:3] for facts in ours.values()) ==
               sorted(facts[:3] for facts in dumped.values() if facts[2] != "5"),
               f"after {number} was deleted: {ours}, fdisk: {dumped}")


def windows(folder):
    """Tables that Windows wrote."""
    path, _ = real_image("node-vhd-dynamic.vhd", folder)
    if path is not None:
        head, ours = read_ours(path, 0, "vhd")
        expect(head[1:] == ["gpt", "9dacc91e-f01c-4276-80c2-1ae8fc0f8641"], head)
        expect([facts[4] for facts in ours.values()] ==
               ["Microsoft reserved partition"] + ["Basic data partition"] * 3, ours)
        expect(ours[1][:3] == (17408, 32 * MIB, "e3c9e316-0b5c-4db8-817d-f92df00215ae"), ours[1])
    path, _ = real_image("node-vhd-fixed.vhd", folder)
    if path is not None:
        head, ours = read_ours(path, 0, "vhd")
        expect(head[1:] == ["mbr", "416e0a41"] and ours[1][:3] == (65536, 7 * MIB, "e"), ours)


def main():
    require_programs("fdisk", "sfdisk")
    for seed in range(24):
        with work_folder() as folder:
            tables(folder, seed, 512 if seed % 4 < 2 else 4096)
    print("tables passed")
    with work_folder() as folder:
        deleted_logical(folder)
    print("deleted_logical passed")
    with work_folder() as folder:
        windows(folder)
    print("windows passed")


if __name__ == "__main__":
    main()
