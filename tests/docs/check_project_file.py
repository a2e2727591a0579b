#!/usr/bin/env python3
"""Checks that the project file for Visual Studio compiles the sources of which the build on Linux
makes the driver, all of them and no others, and the messages of the event log.

usage: check_project_file.py PROJECT_FILE COMPILE_COMMANDS TARGET...
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree

NAMESPACE = {"m": "http://schemas.microsoft.com/developer/msbuild/2003"}
MESSAGES = "event.mc"


def built(commands: pathlib.Path, targets: list[str]) -> set[pathlib.Path]:
    """The C sources of some targets."""
    sources = set()
    for command in json.loads(commands.read_text()):
        target = re.search(r"CMakeFiles/([^/]+)\.dir/", command["command"])
        if target and target.group(1) in targets and command["file"].endswith(".c"):
            sources.add(pathlib.Path(command["file"]).resolve())
    return sources


def listed(root: xml.etree.ElementTree.Element, folder: pathlib.Path) -> set[pathlib.Path]:
    """The C sources of the project; those of other projects ("$(...)") are left out."""
    sources = set()
    for item in root.iterfind(".//m:ClCompile[@Include]", NAMESPACE):
        for pattern in item.get("Include").split(";"):
            if not pattern.startswith("$("):
                path = folder / pattern.replace("\\", "/")
                base = path.parents[len(path.parts) - 1 - first_wildcard(path)]
                sources.update(p.resolve() for p in base.glob(str(path.relative_to(base))))
    return sources


def first_wildcard(path: pathlib.Path) -> int:
    """How many of the parts of a path stand before its first wildcard, or its name."""
    return next((i for i, part in enumerate(path.parts) if "*" in part), len(path.parts) - 1)


def main() -> None:
    project, commands, targets = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), sys.argv[3:]
    root = xml.etree.ElementTree.parse(project).getroot()
    expected, actual = built(commands, targets), listed(root, project.parent)
    complaints = [f"{path} is not in {project.name}" for path in sorted(expected - actual)]
    complaints += [f"{project.name} has {path} besides" for path in sorted(actual - expected)]
    text = xml.etree.ElementTree.tostring(root, encoding="unicode")
    if not root.findall(f".//m:Target[@Inputs='{MESSAGES}']", NAMESPACE):
        complaints.append(f"{project.name} does not compile {MESSAGES}")
    for name in re.findall(r'"(driver/\w+_messages\.h)"', (project.parent / "event.c").read_text()):
        if name.replace("/", "\\") not in text:
            complaints.append(f"{project.name} does not make {name}")
    print("\n".join(complaints) or f"{len(actual)} sources")
    sys.exit(1 if complaints or not expected else 0)


if __name__ == "__main__":
    main()
