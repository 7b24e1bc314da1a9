"""Archives that are the same bytes on every machine, and the files that one of somebody else's has.

Nothing of the machine goes in: no time, owner, mode or order. The gzip around it is stored and not compressed, because
what deflate makes of the same bytes is another thing in zlib, in zlib-ng and from one version of either to the next.
"""

import gzip
import io
import struct
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import PurePosixPath

from gpuyard.errors import ToolError

__all__ = ["Files", "packed", "unpacked"]

Files = Mapping[PurePosixPath, bytes]

_STORED = 0xFFFF
"""Bytes of a block that is stored as it is."""
_HEAD = bytes([0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF])
"""Deflate, no name, no time, and made on no system in particular."""
_LARGEST = 512 << 20
"""Bytes of an archive that is unpacked."""


def packed(files: Files) -> bytes:
    """A tar in a gzip; an author's file keeps its bytes, and nothing else."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT, encoding="utf-8") as tar:
        for path in sorted(files, key=str):
            member = tarfile.TarInfo(str(path))
            member.size, member.mode = len(files[path]), 0o644
            tar.addfile(member, io.BytesIO(files[path]))
    return _gzipped(buffer.getvalue())


def unpacked(data: bytes, name: str) -> dict[PurePosixPath, bytes]:
    """The files of an archive; ToolError for one that is damaged or has anything else in it."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            plain = file.read(_LARGEST + 1)
        if len(plain) > _LARGEST:
            raise ToolError(f"{name}: is larger than {_LARGEST} bytes")
        with tarfile.open(fileobj=io.BytesIO(plain), mode="r:") as tar:
            return {PurePosixPath(member.name): _content(tar, member, name) for member in tar if not member.isdir()}
    except (OSError, EOFError, zlib.error, tarfile.TarError) as error:
        raise ToolError(f"{name}: is no archive that can be read") from error


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo, name: str) -> bytes:
    file = tar.extractfile(member) if member.isreg() else None
    if file is None:
        raise ToolError(f"{name}: has {member.name}, which is no plain file")
    return file.read()


def _gzipped(data: bytes) -> bytes:
    blocks = [data[start : start + _STORED] for start in range(0, len(data), _STORED)]
    body = b"".join(
        struct.pack("<BHH", index == len(blocks) - 1, len(block), len(block) ^ _STORED) + block
        for index, block in enumerate(blocks)
    )
    return _HEAD + body + struct.pack("<II", zlib.crc32(data), len(data) & 0xFFFFFFFF)
