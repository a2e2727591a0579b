#!/usr/bin/env python3
"""Makes the catalogue (.cat) of a driver package: an unsigned PKCS#7 message whose content is a
certificate trust list with the SHA-256 digest of every file. osslsigncode then signs it.

usage: make_catalog.py CATALOGUE YYYY-MM-DD FILE...
"""

import datetime
import hashlib
import pathlib
import struct
import sys

OID_SIGNED_DATA = "1.2.840.113549.1.7.2"
OID_SHA256 = "2.16.840.1.101.3.4.2.1"
OID_TRUST_LIST = "1.3.6.1.4.1.311.10.1"
OID_CATALOG_LIST = "1.3.6.1.4.1.311.12.1.1"
OID_CATALOG_MEMBER_2 = "1.3.6.1.4.1.311.12.1.3"
OID_NAME_VALUE = "1.3.6.1.4.1.311.12.2.1"
OID_MEMBER_INFO_2 = "1.3.6.1.4.1.311.12.2.3"
OID_INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"
OID_PE_IMAGE = "1.3.6.1.4.1.311.2.1.15"
OID_FLAT_FILE = "1.3.6.1.4.1.311.2.1.25"

FLAGS_MEMBER = 0x10010001  # authenticated, plain text, name as ASCII
SYSTEMS = "2:10.0"  # Windows 10 and later


def der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    if len(content) < 0x80:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def sequence(*parts: bytes) -> bytes:
    return der(0x30, *parts)


def set_of(*parts: bytes) -> bytes:
    return der(0x31, *sorted(parts))


def octets(data: bytes) -> bytes:
    return der(0x04, data)


def integer(value: int) -> bytes:
    return der(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    content = bytes([first * 40 + second])
    for arc in rest:
        digits = [arc & 0x7F]
        while arc := arc >> 7:
            digits.append(0x80 | arc & 0x7F)
        content += bytes(reversed(digits))
    return der(0x06, content)


NULL = der(0x05)


def algorithm(name: str) -> bytes:
    return sequence(oid(name), NULL)


def attribute(name: str, value: bytes) -> bytes:
    return sequence(oid(name), set_of(value))


def name_value(name: str, value: str) -> bytes:
    return sequence(
        der(0x1E, name.encode("utf-16-be")),
        integer(FLAGS_MEMBER),
        octets((value + "\0").encode("utf-16-le")),
    )


def is_pe(image: bytes) -> bool:
    if image[:2] != b"MZ":
        return False
    header = struct.unpack_from("<I", image, 0x3C)[0]
    return image[header : header + 4] == b"PE\0\0"


def pe_digest(image: bytes) -> bytes:
    """The Authenticode digest: without the checksum and whatever belongs to a signature."""
    header = struct.unpack_from("<I", image, 0x3C)[0]
    optional = header + 24
    checksum = optional + 64
    is_64_bit = struct.unpack_from("<H", image, optional)[0] == 0x20B
    security = optional + (144 if is_64_bit else 128)
    signature_start, signature_bytes = struct.unpack_from("<II", image, security)
    end = signature_start if signature_bytes else len(image)
    digest = hashlib.sha256()
    digest.update(image[:checksum])
    digest.update(image[checksum + 4 : security])
    digest.update(image[security + 8 : end])
    digest.update(b"\0" * (-end % 8))
    return digest.digest()


def member(path: pathlib.Path) -> tuple[bytes, bytes]:
    """The digest of a file and its entry in the list."""
    image = path.read_bytes()
    empty_link = der(0xA2, der(0x80))
    if is_pe(image):
        digest, kind, member_info = pe_digest(image), OID_PE_IMAGE, der(0x80)
        what = sequence(der(0x03, b"\0"), der(0xA0, empty_link))
    else:
        digest, kind, member_info = hashlib.sha256(image).digest(), OID_FLAT_FILE, der(0x82)
        what = empty_link
    indirect = sequence(
        sequence(oid(kind), what), sequence(algorithm(OID_SHA256), octets(digest))
    )
    entry = sequence(
        octets(digest),
        set_of(
            attribute(OID_NAME_VALUE, name_value("File", path.name.lower())),
            attribute(OID_NAME_VALUE, name_value("OSAttr", SYSTEMS)),
            attribute(OID_MEMBER_INFO_2, member_info),
            attribute(OID_INDIRECT_DATA, indirect),
        ),
    )
    return digest, entry


def catalogue(paths: list[pathlib.Path], day: datetime.date) -> bytes:
    members = sorted(member(path) for path in paths)
    identifier = hashlib.sha256(b"".join(digest for digest, _ in members)).digest()[:16]
    trust_list = sequence(
        sequence(oid(OID_CATALOG_LIST)),
        octets(identifier),
        der(0x17, day.strftime("%y%m%d000000Z").encode()),
        algorithm(OID_CATALOG_MEMBER_2),
        sequence(*(entry for _, entry in members)),
        der(0xA0, sequence(sequence(oid(OID_NAME_VALUE), octets(name_value("OS", "_v100"))))),
    )
    signed_data = sequence(
        integer(1), set_of(), sequence(oid(OID_TRUST_LIST), der(0xA0, trust_list)), set_of()
    )
    return sequence(oid(OID_SIGNED_DATA), der(0xA0, signed_data))


def main() -> None:
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    target, day, *files = sys.argv[1:]
    content = catalogue([pathlib.Path(file) for file in files], datetime.date.fromisoformat(day))
    pathlib.Path(target).write_bytes(content)


if __name__ == "__main__":
    main()
