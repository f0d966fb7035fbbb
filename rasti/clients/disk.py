"""What has to survive a power cut."""

import os
from pathlib import Path


def to_disk(path: Path) -> None:
    """Return when a file's content, or the names in a folder, are on disk. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
