#!/usr/bin/env python3
"""Checks that a 32-bit driver leaves the registers of x87, MMX and SSE alone: in the kernel they
hold what user mode put there. usage: check_no_float.py DRIVER"""

import re
import subprocess
import sys

INSTRUCTION = re.compile(r"^\s*[0-9a-f]+:\s")
FLOAT = re.compile(r"%(st|mm\d|[xyz]mm\d)|\t(f[a-z0-9]+|emms)\s")


def main() -> None:
    driver = sys.argv[1]
    command = ["llvm-objdump", "--disassemble", "--no-show-raw-insn", driver]
    listing = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    lines = list(filter(INSTRUCTION.match, listing.splitlines()))
    found = [line for line in lines if FLOAT.search(line)]
    print(f"{len(lines)} instructions of {driver}, {len(found)} with floating point")
    print("\n".join(found[:20]))
    sys.exit(1 if found or len(lines) < 1000 else 0)


if __name__ == "__main__":
    main()
