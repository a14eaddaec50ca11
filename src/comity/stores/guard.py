"""Where the server may be pointed by a customer: public addresses only (SSRF guard).

A name is looked up here, every address it has is judged, and the connection is made to the address that was
judged: a name that answers otherwise a moment later (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

from comity.core import ComityError, InputError

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network
Lookup = Callable[[str, int], list[str]]

#: IPv6 that carries an IPv4 address inside, which is what is reached in the end (RFC 6052, 3056, 4380).
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_LOCAL_NAT64 = ipaddress.IPv6Network("64:ff9b:1::/48")
#: All of IPv6 that is given out for the public network (RFC 4291).
_GLOBAL_IPV6 = ipaddress.IPv6Network("2000::/3")
#: Longest URL kept.
MAX_URL = 2_000


class GuardError(ComityError):
    """A name led to an address that is not called, or to none, at the moment of the call."""


def system_lookup(host: str, port: int) -> list[str]:
    """The addresses of a name, as the system's resolver gives them."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(entry[4][0]) for entry in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """Judges addresses.

    ``allowed``: networks that may be reached although they are not public (a receiver in the house).
    ``http``: whether plain http is taken too; always where the address is in ``allowed``.
    ``ports``: the ports that may be called, None for any above 1023 beside 80 and 443.
    """

    allowed: tuple[Network, ...] = ()
    http: bool = False
    ports: frozenset[int] | None = None
    lookup: Lookup = system_lookup

    def judge(self, address: Address) -> str | None:
        """Why an address is not called; None where it is."""
        if any(address in network for network in self.allowed if network.version == address.version):
            return None
        if carried := _carried(address):
            return next((why for inner in carried if (why := self.judge(inner)) is not None), None)
        if address.is_loopback:
            return "a loopback address"
        if address.is_link_local:
            return "a link-local address"
        if address.is_multicast:
            return "a multicast address"
        if address.is_private:
            return "a private address"
        if not address.is_global or (address.version == 6 and address not in _GLOBAL_IPV6):
            return "not a public address"
        return None

    def addresses(self, host: str, port: int) -> list[Address]:
        """The addresses of a host, all of which may be called at this port; raises :class:`GuardError`."""
        if why := self._refused_port(port):
            raise GuardError(why)
        try:
            found = self.lookup(host, port)
        except (OSError, UnicodeError) as error:
            raise GuardError(f"{host} cannot be looked up: {error}") from error
        addresses = [ipaddress.ip_address(text.partition("%")[0]) for text in found]
        if not addresses:
            raise GuardError(f"{host} has no address")
        for address in addresses:
            why = self.judge(address)
            if why is not None:
                raise GuardError(f"{host} is {why}: only public addresses are called")
        return addresses

    def check(self, url: str) -> SplitResult:
        """Raises :class:`InputError` for a URL that is not called, as things stand now."""
        if len(url) > MAX_URL:
            raise InputError(f"url has {len(url):,} characters, the limit is {MAX_URL:,}")
        if not url.isascii() or not url.isprintable() or " " in url or "\\" in url:
            raise InputError(f"url {url[:80]!r} must be printable ASCII without spaces (punycode, %-escapes)")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise InputError(f"url {url[:80]!r} cannot be read: {error}") from error
        if parts.scheme not in ("https", "http") or not parts.hostname:
            raise InputError(f"url {url[:80]!r} must be https://HOST[:PORT]/PATH")
        if parts.username is not None or parts.password is not None:
            raise InputError("url must not hold a user name or password")
        if parts.fragment:
            raise InputError("url must not hold a fragment")
        port = port or (443 if parts.scheme == "https" else 80)
        if why := self._refused_port(port):
            raise InputError(f"url: {why}")
        try:
            addresses = self.addresses(parts.hostname, port)
        except GuardError as error:
            raise InputError(f"url {url[:80]!r}: {error}") from error
        self._check_scheme(parts.scheme, parts.hostname, addresses)
        return parts

    def _refused_port(self, port: int) -> str | None:
        if self.ports is not None and port not in self.ports:
            allowed = ", ".join(map(str, sorted(self.ports)))
            return f"port {port} is not called; allowed are {allowed}"
        if self.ports is None and port < 1024 and port not in (80, 443):
            return f"port {port} is not called; allowed are 80, 443 and 1024…65535"
        return None

    def _check_scheme(self, scheme: str, host: str, addresses: Iterable[Address]) -> None:
        if scheme == "https" or self.http:
            return
        at_home = all(any(a in n for n in self.allowed if n.version == a.version) for a in addresses)
        if not at_home:
            raise InputError(f"url: {host} must be called by https")


def _carried(address: Address) -> list[Address]:
    """The IPv4 addresses that an IPv6 address stands for."""
    if isinstance(address, ipaddress.IPv4Address):
        return []
    carried: list[Address] = []
    if address.ipv4_mapped is not None:
        carried.append(address.ipv4_mapped)
    if address.sixtofour is not None:
        carried.append(address.sixtofour)
    if address.teredo is not None:
        carried.extend(address.teredo)
    if address in _NAT64 or address in _LOCAL_NAT64:
        carried.append(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    if int(address) >> 32 == 0 and int(address) > 1:  # the old IPv4-compatible form, ::a.b.c.d
        carried.append(ipaddress.IPv4Address(int(address)))
    return carried


def networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """``10.0.0.0/8``, ``::1`` … as networks; raises :class:`InputError`."""
    found: list[Network] = []
    for text in texts:
        try:
            found.append(ipaddress.ip_network(text))
        except ValueError as error:
            raise InputError(f"network {text!r}: {error}") from error
    return tuple(found)
