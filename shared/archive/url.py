"""From an archive's URL to the archive."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from shared.archive.local import LocalArchive
from shared.archive.port import Archive
from shared.archive.webhdfs import WebHdfsAddress
from shared.events.errors import ConfigurationError


def open_archive(url: str) -> Archive:
    """The archive that `url` names: `file:///folder` or `webhdfs://namenode:9870/folder?user=name`.

    Nothing is asked of a server yet.

    Raises:
        ConfigurationError: the scheme is not known, or the URL does not have the form of its scheme.
    """
    try:
        parts = urlsplit(url)
    except ValueError as wrong:
        raise ConfigurationError(f"archive URL {url!r}: {wrong}") from wrong
    if parts.scheme in {"webhdfs", "swebhdfs"}:
        from shared.archive.webhdfs import WebHdfsArchive  # noqa: PLC0415 - a local archive needs no HTTP

        return WebHdfsArchive(WebHdfsAddress.parse(url))
    if parts.scheme != "file":
        raise ConfigurationError(f"archive URL {url!r}: the scheme must be file:// or webhdfs://")
    if parts.netloc not in {"", "localhost"} or not parts.path.startswith("/"):
        raise ConfigurationError(f"archive URL {url!r}: write file:///absolute/path with three slashes")
    return LocalArchive(Path(url2pathname(parts.path)))
