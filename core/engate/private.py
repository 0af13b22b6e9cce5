"""Files that only their owner may read, from the first byte on: a mode set later leaves a moment in which others may open the file."""

from __future__ import annotations

import os
from pathlib import Path

MODE = 0o600


def write_new(path: Path, content: bytes = b"") -> None:
    """Makes a new file. Raises FileExistsError where it exists."""
    file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, MODE)
    with os.fdopen(file, "wb") as opened:
        opened.write(content)
        opened.flush()
        os.fsync(file)


def ensure(path: Path) -> None:
    """Makes the file where it is missing; closes it to others where it is ours and was open to them."""
    try:
        write_new(path)
    except FileExistsError:
        found = path.stat()
        if found.st_mode & 0o077 and found.st_uid == os.geteuid():
            path.chmod(MODE)
