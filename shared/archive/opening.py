"""From an archive's URL to the archive."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from shared.archive.local import LocalArchive
from shared.archive.port import Archive
from shared.events.errors import ConfigurationError


def open_archive(url: str) -> Archive:
    """The archive that `url` names: `file:///folder`.

    Raises:
        ConfigurationError: the scheme is not known, or the URL names no folder on this machine.
    """
    parts = urlsplit(url)
    if parts.scheme != "file":
        raise ConfigurationError(f"archive URL {url!r}: the scheme must be file://")
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise ConfigurationError(f"archive URL {url!r}: write file:///absolute/path with three slashes")
    return LocalArchive(Path(url2pathname(parts.path)))
