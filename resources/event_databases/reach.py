"""What a tenant's source may reach: schemes, hosts, folders and options of a URL, as the settings list them. No SQL.

Without lists: any host but link-local and metadata addresses, any file but the platform's own and the system's. Names
are looked up when a connection is made, and the connection goes to the address that was checked.
"""

import re
import socket
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path
from stat import S_ISREG

from sqlalchemy import URL

from platform_assets.core.errors import PermanentError, TransientError

_SYSTEM = tuple(Path(name) for name in ("/proc", "/sys", "/dev", "/etc", "/run"))
_METADATA_NAMES = frozenset({"metadata", "metadata.google.internal", "instance-data.ec2.internal"})
_METADATA = tuple(
    map(
        ip_network,
        # Link-local (RFC 3927, RFC 4291), and where AWS (IPv6), Alibaba and Oracle have their metadata.
        (
            "169.254.0.0/16",
            "fe80::/10",
            "fd00:ec2::254/128",
            "100.100.100.200/32",
            "192.0.0.192/32",
        ),
    )
)
_NAT64 = IPv6Network("64:ff9b::/96")

_FILE_OPTIONS = frozenset({"sslrootcert", "sslcert", "sslkey", "ssl_ca", "ssl_cert", "ssl_key"})
_OPTIONS = _FILE_OPTIONS | {
    "sslmode",
    "sslnegotiation",
    "ssl_min_protocol_version",
    "channel_binding",
    "require_auth",
    "gssencmode",
    "krbsrvname",
    "target_session_attrs",
    "connect_timeout",
    "application_name",
    "client_encoding",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_count",
    "tcp_user_timeout",
    "charset",
    "driver",
    "encrypt",
    "trustservercertificate",
}
_SEARCH_PATH = re.compile(r"-c ?search_path=[\w$,-]+")

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class SourceReach:
    """The lists; an empty one allows everything that is not refused in any case.

    Attributes:
        schemes: Kinds of databases, such as `postgresql`.
        hosts: Names, `*.example.com`, addresses or networks.
        folders: Where SQLite files may be.
        homes: Folders of the platform; one of `folders` inside of one is open all the same.
        own: Files and folders of the platform that are never a source.
        clear_passwords: Whether a password may go to another machine as it is, without TLS.
    """

    schemes: Collection[str] = ()
    hosts: Sequence[str] = ()
    folders: Sequence[Path] = ()
    homes: Sequence[Path] = ()
    own: Sequence[Path] = ()
    clear_passwords: bool = False

    def check_url(self, url: URL) -> None:
        """Refuses a URL by what stands in it; no name is looked up.

        Raises:
            PermanentError: kind `source_refused`.
        """
        scheme = url.get_backend_name()
        if self.schemes and scheme not in self.schemes:
            raise _refuse(f"{scheme} is none of the kinds of SLUICE_SOURCES_SCHEMES")
        self._check_options(url)
        if scheme == "sqlite":
            if (url.database or "").startswith("/"):  # others are refused when they are opened
                self.check_file(url.database or "")
            return
        host = url.host or ""
        if is_local_socket(host):
            if self.hosts and "localhost" not in self.hosts:
                raise _refuse(
                    "local sockets are not allowed: list localhost in SLUICE_SOURCES_HOSTS"
                )
        elif (address := _read_address(host)) is not None:
            self._check_address(host, address)
        else:
            self._check_name(host)

    def check_file(self, name: str) -> Path:
        """The file that a path leads to, links followed.

        Raises:
            PermanentError: kind `source_refused`: outside of the folders, or the platform's or the system's own. The
                message does not say whether there is such a file.
        """
        path = Path(name).resolve()
        folders = [folder.resolve() for folder in self.folders]
        if folders and not any(path.is_relative_to(folder) for folder in folders):
            raise _refuse(f"{name} is in none of the folders of SLUICE_SOURCES_FOLDERS")
        if any(path.is_relative_to(system) for system in _SYSTEM):
            raise _refuse(f"{name} is a file of the system")
        if any(_is_own(path, own.resolve()) for own in self.own):
            raise _refuse(f"{name} is one of the platform's own files")
        for home in (home.resolve() for home in self.homes):
            opened = any(folder != home and folder.is_relative_to(home) for folder in folders)
            if path.is_relative_to(home) and not opened:
                raise _refuse(
                    f"{name} is in a folder of the platform's own; keep it elsewhere, or list its folder in "
                    "SLUICE_SOURCES_FOLDERS"
                )
        if path.exists() and not S_ISREG(path.stat().st_mode):
            raise _refuse(f"{name} is no file")
        return path

    def resolve(self, host: str, port: int | None) -> list[str]:
        """The addresses of a host, each of them checked: connect to these, not to the name again.

        Raises:
            TransientError: kind `source_unreachable`: the name cannot be looked up.
            PermanentError: kind `source_refused`.
        """
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise TransientError(
                "the name of the source's host cannot be looked up; it is tried again, check the name and the DNS",
                kind="source_unreachable",
            ) from None
        names = dict.fromkeys(str(each[4][0]) for each in found)
        for name in names:
            self._check_address(host, ip_address(name.partition("%")[0]))
        return list(names)

    def _check_options(self, url: URL) -> None:
        for name, values in url.normalized_query.items():
            folded = name.casefold()
            if folded == "options" and all(map(_SEARCH_PATH.fullmatch, values)):
                continue
            if folded not in _OPTIONS:
                raise _refuse(
                    f"the option {name[:40]!r} is not allowed in its URL; allowed are "
                    f"{', '.join(sorted(_OPTIONS))}, and options=-csearch_path=NAME"
                )
            if folded in _FILE_OPTIONS:
                for value in values:
                    self.check_file(value)

    def _check_name(self, host: str) -> None:
        folded = host.casefold().rstrip(".")
        if folded in _METADATA_NAMES:
            raise _refuse(f"{host} is where a cloud keeps its machines' credentials")
        by_network = any(_read_network(entry) is not None for entry in self.hosts)
        if self.hosts and not by_network and not _is_named(folded, self.hosts):
            raise _refuse(f"{host} is none of the hosts of SLUICE_SOURCES_HOSTS")

    def _check_address(self, host: str, address: Address) -> None:
        address = _unwrap(address)
        if any(address in network for network in _METADATA):
            raise _refuse(f"{host} is a link-local address or one of a cloud's metadata")
        networks = [network for entry in self.hosts if (network := _read_network(entry))]
        listed = any(address in network for network in networks)
        if self.hosts and not listed and not _is_named(host.casefold().rstrip("."), self.hosts):
            raise _refuse(f"{host} is none of the hosts of SLUICE_SOURCES_HOSTS")


def is_local_socket(host: str) -> bool:
    """Whether a URL's host is no host: none, or the folder of a socket."""
    return host.startswith(("/", "@")) or not host


def is_loopback(host: str) -> bool:
    """Whether what is sent to a host stays on this machine, as far as its name says."""
    if is_local_socket(host) or host.casefold().rstrip(".") == "localhost":
        return True
    address = _read_address(host)
    return address is not None and _unwrap(address).is_loopback


def is_bound(host: str, port: int | None, entries: Sequence[str]) -> bool:
    """Whether a list of `host`, `host:port` or `*.example.com` names a host."""
    folded = host.casefold().rstrip(".")
    return _is_named(folded, entries) or _is_named(f"{folded}:{port}", entries)


def _is_named(host: str, entries: Sequence[str]) -> bool:
    return any(fnmatchcase(host, entry.casefold()) for entry in entries)


def _is_own(path: Path, own: Path) -> bool:
    return path.is_relative_to(own) or (
        path.parent == own.parent and path.name.startswith(f"{own.name}-")
    )  # SQLite's -wal and -shm


def _read_address(host: str) -> Address | None:
    try:
        return ip_address(host.partition("%")[0])
    except ValueError:
        return None


def _read_network(entry: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(entry, strict=False)
    except ValueError:
        return None


def _unwrap(address: Address) -> Address:
    """The IPv4 address that an IPv6 one stands for."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return address.ipv4_mapped
        if address in _NAT64:
            return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def _refuse(reason: str) -> PermanentError:
    return PermanentError(
        f"the source may not be used: {reason}. Correct the source, or ask whoever runs the platform",
        kind="source_refused",
    )
