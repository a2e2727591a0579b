#!/usr/bin/env python3
"""The driver carries every message of its table, and its INF tells the event log where they are.

Usage: check_messages.py DRIVER.sys event.mc VirtualDisk.inf
"""

import re
import sys


def main():
    driver_path, table_path, inf_path = sys.argv[1:]
    with open(driver_path, "rb") as file:
        driver = file.read()
    with open(table_path, encoding="utf-8") as file:
        messages = re.findall(r"^Language=English\n(.*?)\n\.$", file.read(), re.M | re.S)
    with open(inf_path, encoding="utf-8") as file:
        inf = file.read()
    if not messages:
        sys.exit(f"{table_path} has no messages")
    for message in messages:
        if message.encode("utf-16-le") not in driver:
            sys.exit(f"{driver_path} lacks the message: {message}")
    section = re.search(r"^AddService\s*=\s*VirtualDisk,[^,]*,[^,]*,\s*(\S+)", inf, re.M)
    if section is None or f"[{section.group(1)}]" not in inf:
        sys.exit(f"{inf_path} has no section for the event log")
    if not re.search(r"EventMessageFile.*drivers\\VirtualDisk\.sys", inf):
        sys.exit(f"{inf_path} does not say that the messages are in the driver")
    print(f"{len(messages)} messages")


main()
