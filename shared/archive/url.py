"""From an archive's URL to the archive."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from shared.archive.local import LocalArchive
from shared.archive.port import Archive
from shared.archive.webhdfs import WebHdfsAddress
from shared.events.errors import ConfigurationError


def open_archive(url: str, *, create: bool = True) -> Archive:
    """The archive that `url` names: `file:///folder` or `webhdfs://namenode:9870/folder?user=name`.

    Nothing is asked of a server yet.

    Args:
        url: where it is.
        create: the first write makes the folder; false for those who only look, who are to learn that it is not there.

    Raises:
        ConfigurationError: the scheme is not known, the URL does not have the form of its scheme, or there is no such
            folder.
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
    folder = Path(url2pathname(parts.path))
    if folder.exists() and not folder.is_dir():
        raise ConfigurationError(f"archive URL {url!r}: it names no folder")
    if not create and not folder.exists():
        raise ConfigurationError(f"archive URL {url!r}: there is no such folder")
    return LocalArchive(folder)
