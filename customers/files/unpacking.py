"""Files compressed with gzip, unpacked while they are read, and never more of them than a file may hold."""

import gzip
import zlib
from typing import BinaryIO

from customers.files.schema import Bomb, DamagedFile, NestedGzip
from customers.files.wording import gettext_noop

MAGIC = b"\x1f\x8b"
MOST_BYTES = 4 * 1024**3
# Text that people wrote packs at 1:3 to 1:50; nothing but repetition packs at more than this.
MOST_RATIO = 500
FREE_BYTES = 10 * 1024 * 1024
# This much is unpacked before a file is taken in: enough for the ratio to tell, and 0.05 s.
TRIED_BYTES = 16 * 1024 * 1024


def is_gzipped(file: BinaryIO) -> bool:
    """Whether a file is compressed with gzip; it stands at its start afterwards."""
    file.seek(0)
    magic = file.read(len(MAGIC))
    file.seek(0)
    return magic == MAGIC


class Unpacked:
    """What is in a gzip file, as a file to read; it goes back only to its start.

    Reading raises Bomb when there is more than may be, DamagedFile when the file is cut off or changed.
    """

    def __init__(self, packed: BinaryIO) -> None:
        self._packed = packed
        self._stream = gzip.GzipFile(fileobj=packed, mode="rb")
        self._read = 0

    def read(self, size: int = -1) -> bytes:
        """The next `size` bytes, fewer at the end."""
        try:
            raw = self._stream.read(size if size >= 0 else MOST_BYTES + 1 - self._read)
        except (EOFError, OSError, zlib.error) as error:
            raise DamagedFile(found=gettext_noop("it is compressed with gzip, and cut off or changed")) from error
        self._read += len(raw)
        packed = self._packed.tell()
        if self._read > MOST_BYTES or (self._read > FREE_BYTES and self._read > MOST_RATIO * packed):
            raise Bomb(
                found=gettext_noop("{packed:,} bytes unpack to more than {most:,}").format(
                    packed=packed, most=self._read
                )
            )
        return raw

    def seek(self, position: int) -> int:
        """To a place that is read up to from the start."""
        self._packed.seek(0)
        self._stream = gzip.GzipFile(fileobj=self._packed, mode="rb")
        self._read = 0
        while self._read < position and self.read(min(position - self._read, FREE_BYTES)):
            pass
        return self._read


def unpacked(packed: BinaryIO) -> Unpacked:
    """What is in a gzip file. Raises Bomb as far as its first 16 MB tell, NestedGzip, DamagedFile."""
    stream = Unpacked(packed)
    stream.seek(0)
    head = stream.read(len(MAGIC))
    if head == MAGIC:
        raise NestedGzip()
    stream.seek(TRIED_BYTES)
    stream.seek(0)
    return stream
