#!/usr/bin/env python3
"""The INF keeps the rules that Windows' own checker (infverif) has for a package like this one.

Usage: check_inf.py VirtualDisk.inf x64|x86
"""

import re
import sys

PLATFORMS = {"x64": "NTamd64", "x86": "NTx86"}
VERSION = {"Signature", "Class", "ClassGuid", "Provider", "CatalogFile", "DriverVer",
           "PnpLockdown"}


def read_sections(text):
    """Section names in lower case, each with its lines as (key, values) or (line, [])."""
    sections, current = {}, None
    for line in text.split("\n"):
        line = re.sub(r'"[^"]*"|;.*', lambda m: m.group() if m.group()[0] == '"' else "", line)
        line = line.strip()
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]").lower(), [])
        elif line:
            key, equals, value = line.partition("=")
            values = re.findall(r'(?:"[^"]*"|[^,"])+', value) if equals else []
            current.append((key.strip(), [item.strip() for item in values]))
    return sections


class Checker:
    def __init__(self, path, text):
        self.path = path
        self.text = text
        self.sections = read_sections(text)

    def must(self, good, what):
        if not good:
            sys.exit(f"{self.path}: {what}")

    def section(self, name):
        self.must(name.lower() in self.sections, f"there is no section [{name}]")
        return self.sections[name.lower()]

    def values(self, section, key):
        found = [values for name, values in self.section(section) if name.lower() == key.lower()]
        self.must(found, f"[{section}] has no {key}")
        return found[0]

    def check_version(self):
        keys = {key for key, _ in self.section("Version")}
        self.must(VERSION <= keys, f"[Version] lacks {VERSION - keys}")
        self.must(self.values("Version", "Signature") == ['"$Windows NT$"'], "Signature")
        self.must(self.values("Version", "PnpLockdown") == ["1"], "PnpLockdown is not 1")
        date, version = self.values("Version", "DriverVer")
        self.must(re.fullmatch(r"\d\d/\d\d/\d{4}", date), "the date of DriverVer")
        self.must(re.fullmatch(r"\d+\.\d+\.\d+\.\d+", version), "the version of DriverVer")

    def check_strings(self):
        known = {key.lower() for key, _ in self.section("Strings")}
        for name in re.findall(r"%([A-Za-z]\w*)%", self.text.replace("%%", "")):
            self.must(name.lower() in known, f"%{name}% has no string")

    def check_install(self, platform):
        self.must(self.values("Manufacturer", "%Provider%") == ["Devices", platform],
                  f"[Manufacturer] is not for {platform} alone")
        install, hardware_id = self.values(f"Devices.{platform}", "%DeviceName%")
        self.must(hardware_id == r"Root\VirtualDisk", "the hardware id")
        for files in self.values(install + ".NT", "CopyFiles"):
            for name, _ in self.section(files):
                self.values("SourceDisksFiles", name)
        self.must(self.values("DestinationDirs", "DefaultDestDir") in (["12"], ["13"]),
                  "the driver goes neither to System32\\drivers nor to the driver store")
        name, flags, *sections = self.values(install + ".NT.Services", "AddService")
        self.must(int(flags, 0) & 2, f"the service {name} is not the device's function driver")
        for section in sections:
            self.section(section)
        self.check_service(sections[0])
        self.values(install + ".NT.HW", "AddReg")
        service, wdf = self.values(install + ".NT.Wdf", "KmdfService")
        self.must(self.values(wdf, "KmdfLibraryVersion") == ["1.15"], "KmdfLibraryVersion")

    def check_service(self, section):
        self.must(self.values(section, "ServiceType") == ["1"], "ServiceType")
        self.must(self.values(section, "StartType") == ["3"], "StartType")
        directory = self.values("DestinationDirs", "DefaultDestDir")[0]
        self.must(self.values(section, "ServiceBinary") == [f"%{directory}%\\VirtualDisk.sys"],
                  "ServiceBinary is not where the file is copied to")


def main():
    path, architecture = sys.argv[1:]
    with open(path, "rb") as file:
        data = file.read()
    checker = Checker(path, data.decode("ascii").replace("\r\n", "\n"))
    checker.must(b"\n" not in data.replace(b"\r\n", b""), "a line does not end with CR LF")
    checker.must(b"@" not in data, "a placeholder is left")
    checker.check_version()
    checker.check_strings()
    checker.check_install(PLATFORMS[architecture])


main()
