"""The `Archive` on HDFS, over WebHDFS: what a cluster uses."""

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import parse_qs, unquote, urlsplit

from hdfs import HdfsError, InsecureClient
from requests import ConnectionError, RequestException, Session, Timeout  # noqa: A004 - their name
from requests.adapters import HTTPAdapter

from shared.archive.layout import PROBE_PATH
from shared.archive.port import STALE_AFTER_S, TEMPORARY, ArchivedObject, check_path, draft_name
from shared.events.errors import ArchiveError, ConfigurationError

DEFAULT_USER = "metrla"
# Web scheme and Hadoop's default port.
SCHEMES = {"webhdfs": ("http", 9870), "swebhdfs": ("https", 9871)}
# An answer may take as long as a pipeline of DataNodes takes to replace one that died.
CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 60.0
CONNECTIONS = 16
CHUNK_BYTES = 1024 * 1024

_Status: TypeAlias = Mapping[str, Any]
"""WebHDFS's FileStatus."""

_ABSENT = ("FileNotFoundException", "ParentNotDirectoryException")


@dataclass(frozen=True, slots=True)
class WebHdfsAddress:
    """Where an archive lies on HDFS.

    Attributes:
        name_nodes: web addresses of the name nodes: one, or all those of a highly available pair.
        root: absolute path of the archive's folder, '' for the root of the file system.
        user: whom HDFS takes us for.
    """

    name_nodes: tuple[str, ...]
    root: str
    user: str

    @classmethod
    def parse(cls, url: str) -> "WebHdfsAddress":
        """Read `webhdfs://host[:port][,host[:port]...][/root][?user=name]`; `swebhdfs` is the same over TLS.

        Raises:
            ConfigurationError: the URL has another form.
        """
        parts = urlsplit(url)
        try:
            web, default_port = SCHEMES[parts.scheme]
            name_nodes = tuple(_web_address(web, host, default_port) for host in parts.netloc.split(","))
            root, user = _root(parts.path), _user(parts.query)
        except (KeyError, ValueError, ArchiveError) as wrong:
            raise ConfigurationError(
                f"archive URL {url!r}: write webhdfs://namenode:9870/folder?user=name, several name nodes with commas"
            ) from wrong
        return cls(name_nodes, root, user)


class WebHdfsArchive:
    """Objects are files below the root, written under a temporary name and renamed into place.

    Of several name nodes the one that is active is asked: the library passes over those that are stand-by or do not
    answer. Safe for several threads and processes at once. Nothing is asked before the first use, so that a service
    starts while HDFS is away.

    What a writer that died left in the temporary folder is removed by the first write of another, an hour later.
    """

    def __init__(self, address: WebHdfsAddress) -> None:
        self._root = address.root
        self._temporary = f"{address.root}/{TEMPORARY}"
        session = Session()
        for scheme in ("http://", "https://"):
            session.mount(scheme, HTTPAdapter(pool_connections=CONNECTIONS, pool_maxsize=CONNECTIONS))
        self._session = session
        self._client = _Client(
            ";".join(address.name_nodes),
            user=address.user,
            timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
            session=session,
        )
        self._tidied = False

    def write(self, path: str, content: bytes) -> None:
        """See `Archive.write`; on return the data nodes have acknowledged every block."""
        target = self._locate(path)
        with _failing_as(f"write {path}"):
            self._tidy()
            draft = f"{self._temporary}/{draft_name()}"
            try:
                self._client.write(draft, content)
                self._move(draft, target)
            except BaseException:
                with suppress(HdfsError, RequestException):
                    self._client.delete(draft)
                raise

    def read(self, path: str) -> bytes:
        """See `Archive.read`."""
        target = self._locate(path)
        with _failing_as(f"read {path}"), self._client.read(target, chunk_size=CHUNK_BYTES) as chunks:
            return b"".join(chunks)

    def list(self, prefix: str) -> Iterator[ArchivedObject]:
        """See `Archive.list`; asks for one folder at a time."""
        folder = self._locate(prefix) if prefix else self._root or "/"
        with _failing_as(f"list {prefix!r}"):
            yield from self._walk(folder.rstrip("/"), f"{prefix}/" if prefix else "")

    def delete(self, path: str) -> None:
        """See `Archive.delete`."""
        target = self._locate(path)
        with _failing_as(f"delete {path}"):
            self._client.delete(target)

    def ping(self) -> None:
        """See `Archive.ping`: writes and removes a block, so that the name node and a data node must do their work."""
        self.write(PROBE_PATH, b"ping")
        self.delete(PROBE_PATH)

    def close(self) -> None:
        """Close the connections."""
        self._session.close()

    def _locate(self, path: str) -> str:
        check_path(path)
        return f"{self._root}/{path}"

    def _move(self, draft: str, target: str) -> None:
        try:
            self._client.replace(draft, target)
        except HdfsError as failed:
            if failed.exception not in _ABSENT:
                raise
            # Most folders are there already, so one is made only when it turns out to be missing.
            self._client.makedirs(target.rpartition("/")[0])
            self._client.replace(draft, target)

    def _walk(self, folder: str, prefix: str) -> Iterator[ArchivedObject]:
        """Files below `folder` in the order of their whole paths: a folder sorts as its name with the slash."""
        found = sorted(
            (f"{status['pathSuffix']}/" if status["type"] == "DIRECTORY" else status["pathSuffix"], status["length"])
            for status in self._statuses(folder or "/")
        )
        for name, size_bytes in found:
            # Listing a file gives the file itself, without a name.
            if not name or name.startswith("."):
                continue
            if name.endswith("/"):
                yield from self._walk(f"{folder}/{name[:-1]}", f"{prefix}{name}")
            else:
                yield ArchivedObject(f"{prefix}{name}", size_bytes)

    def _statuses(self, folder: str) -> Sequence[_Status]:
        try:
            return self._client.statuses(folder)
        except HdfsError as failed:
            if failed.exception in _ABSENT:
                return []
            raise

    def _tidy(self) -> None:
        if self._tidied:
            return
        oldest_ms = (time.time() - STALE_AFTER_S) * 1000
        for status in self._statuses(self._temporary):
            if status["modificationTime"] < oldest_ms:
                self._client.delete(f"{self._temporary}/{status['pathSuffix']}")
        self._tidied = True


class _Client(InsecureClient):  # type: ignore[misc] # the library ships no types
    """The library's client with whole paths taken as they are, and a rename that replaces."""

    def resolve(self, hdfs_path: str) -> str:
        return hdfs_path

    def statuses(self, folder: str) -> Sequence[_Status]:
        # Its own `list` asks again about every folder that holds one entry alone.
        found: Sequence[_Status] = self._list_status(folder).json()["FileStatuses"]["FileStatus"]
        return found

    def replace(self, source: str, target: str) -> None:
        self._rename(source, destination=target, renameoptions="OVERWRITE")


@contextmanager
def _failing_as(action: str) -> Iterator[None]:
    try:
        yield
    except (HdfsError, RequestException, LookupError) as failed:
        # LookupError: an answer without the fields of WebHDFS, as of a proxy in between.
        raise ArchiveError(f"archive: cannot {action}: {_reason(failed)}") from failed


def _reason(failed: Exception) -> str:
    if isinstance(failed, ConnectionError | Timeout) and failed.request is not None:
        return f"{urlsplit(str(failed.request.url)).netloc} does not answer"
    return str(failed).splitlines()[0] if str(failed) else type(failed).__name__


def _web_address(web: str, host: str, default_port: int) -> str:
    parts = urlsplit(f"//{host}")
    if not parts.hostname or parts.username is not None:
        raise ValueError(host)
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{web}://{name}:{parts.port or default_port}"


def _root(path: str) -> str:
    root = unquote(path).strip("/")
    if not root:
        return ""
    check_path(root)
    return f"/{root}"


def _user(query: str) -> str:
    options = parse_qs(query, keep_blank_values=True)
    user = options.pop("user", [DEFAULT_USER])[-1]
    if options or not user:
        raise ValueError(query)
    return user
