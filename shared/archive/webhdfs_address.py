"""What an archive's `webhdfs://` URL says. Pure."""

from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from shared.archive.paths import check_path
from shared.events.errors import ArchiveError, ConfigurationError

DEFAULT_USER = "metrla"
# Web scheme and Hadoop's default port.
SCHEMES = {"webhdfs": ("http", 9870), "swebhdfs": ("https", 9871)}


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
