"""CCSDS space packets (133.0-B-2) with a time code and a checksum: to bytes, and back out of damaged ones.

Every packet carries a secondary header of nine octets, the P-field and T-field of a CCSDS day-segmented time
code (301.0-B-4, 3.3: UTC days from 1958, milliseconds, microseconds), and ends with the CRC-16 of
ECSS-E-ST-70-41C annex B (polynomial 0x1021, all ones at the start) over everything before it.

A file of packets has no marks between them: one wrong length and all that follows is out of step. The reader
therefore trusts a packet only when its checksum fits, and otherwise looks for the next one that does.
"""

from __future__ import annotations

import binascii
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from spacepackets.ccsds import (  # type: ignore[import-untyped]
    PacketType,
    SequenceFlags,
    SpacePacketHeader,
)

from comity.core import Epoch, InputError

HEADER_BYTES: Final = 6
TIME_BYTES: Final = 9
CRC_BYTES: Final = 2
#: Most user data one packet holds: the length field counts 65 536 octets of time, data and checksum.
MAX_DATA_BYTES: Final = 65_536 - TIME_BYTES - CRC_BYTES
SEQUENCE_MODULUS: Final = 16_384
#: P-field: day-segmented, UTC epoch of 1958, 16-bit days, microseconds of the millisecond in 16 bits.
P_FIELD: Final = 0x41

_DAY_1958 = -4_383  # days from 1970-01-01
_DAY_1972 = 5_113  # days from 1958-01-01; an Epoch is no earlier
_NS_PER_DAY = 86_400_000_000_000


@dataclass(frozen=True, slots=True)
class Packet:
    """One whole packet: where it starts in the file (bytes), its APID, sequence count, time and user data."""

    offset: int
    apid: int
    sequence: int
    time: Epoch
    data: bytes


@dataclass(frozen=True, slots=True)
class Rubbish:
    """Bytes ``start`` … ``end`` − 1 of the file that hold no whole packet.

    ``apid``, ``sequence``: of the packet that seems to have stood at ``start``; None where nothing does.
    """

    start: int
    end: int
    apid: int | None
    sequence: int | None


def checksum(data: bytes | memoryview) -> int:
    """CRC-16 of ``data``; that of b"123456789" is 0x29B1."""
    return binascii.crc_hqx(data, 0xFFFF)


def pack(apid: int, sequence: int, time: Epoch, data: bytes) -> bytes:
    """A telemetry packet, unsegmented; ``sequence`` counts on modulo 16 384.

    Raises :class:`InputError` for more than :data:`MAX_DATA_BYTES` of data.
    """
    if len(data) > MAX_DATA_BYTES:
        raise InputError(f"{len(data)} bytes do not fit into a space packet, which holds {MAX_DATA_BYTES}")
    header = SpacePacketHeader(
        packet_type=PacketType.TM,
        apid=apid,
        seq_count=sequence % SEQUENCE_MODULUS,
        data_len=TIME_BYTES + len(data) + CRC_BYTES - 1,
        sec_header_flag=True,
        seq_flags=SequenceFlags.UNSEGMENTED,
    )
    content = bytes(header.pack()) + pack_time(time) + data
    return content + struct.pack(">H", checksum(content))


def pack_time(time: Epoch) -> bytes:
    """P-field and T-field, to the microsecond."""
    days, ns = divmod(time.utc_unix_ns + 500, _NS_PER_DAY)
    ms, rest = divmod(ns, 1_000_000)
    return struct.pack(">BHIH", P_FIELD, days - _DAY_1958, ms, rest // 1_000)


def unpack_time(field: bytes) -> Epoch | None:
    """The instant of :func:`pack_time`'s bytes; None where they are none."""
    code, days, ms, us = struct.unpack(">BHIH", field)
    if code != P_FIELD or ms >= 86_401_000 or us >= 1_000 or days < _DAY_1972:
        return None
    return Epoch.from_utc_unix_ns((days + _DAY_1958) * _NS_PER_DAY + ms * 1_000_000 + us * 1_000)


def scan(content: bytes | memoryview, apids: range) -> Iterator[Packet | Rubbish]:
    """Every whole packet of these APIDs in ``content`` (bytes or a mapped file), and what lies between.

    Takes any bytes whatever and raises nothing.
    """
    view = memoryview(content)
    size = len(view)
    starts = _starts(view, apids)
    position = 0
    while position < size:
        found = _packet_at(view, position, apids)
        if found is not None:
            packet, position = found
            yield packet
            continue
        begin = position
        header = _header_at(view, begin, apids)
        after = begin + header.packet_len if header is not None else size
        if header is not None and (after == size or _header_at(view, after, apids) is not None):
            # Only its content is spoilt: the length leads to where another begins.
            yield Rubbish(begin, after, header.apid, header.seq_count)
            position = after
            continue
        position, resumed = size, None
        for candidate in starts.finditer(view, begin + 1):
            resumed = _packet_at(view, candidate.start(), apids)
            if resumed is not None:
                position = candidate.start()
                break
        known = (None, None) if header is None else (header.apid, header.seq_count)
        yield Rubbish(begin, position, *known)
        if resumed is not None:
            packet, position = resumed
            yield packet


def _starts(view: memoryview, apids: range) -> re.Pattern[bytes]:
    """What a packet begins with: version 0, telemetry, secondary header, an APID, unsegmented, a P-field."""
    words = b"|".join(re.escape(struct.pack(">H", 0x0800 | apid)) for apid in apids)
    return re.compile(
        b"(?=(?:" + words + rb")[\xc0-\xff].{3}" + re.escape(bytes([P_FIELD])) + b")", re.DOTALL
    )


def _header_at(view: memoryview, start: int, apids: range) -> SpacePacketHeader | None:
    if start + HEADER_BYTES > len(view):
        return None
    header = SpacePacketHeader.unpack(bytes(view[start : start + HEADER_BYTES]))
    fits = (
        header.ccsds_version == 0
        and header.packet_type == PacketType.TM
        and header.sec_header_flag
        and header.seq_flags == SequenceFlags.UNSEGMENTED
        and header.apid in apids
        and header.packet_len >= HEADER_BYTES + TIME_BYTES + CRC_BYTES
    )
    return header if fits else None


def _packet_at(view: memoryview, start: int, apids: range) -> tuple[Packet, int] | None:
    """The packet at ``start`` and where it ends; None where none is whole."""
    header = _header_at(view, start, apids)
    if header is None:
        return None
    end = start + header.packet_len
    behind = end - CRC_BYTES
    if end > len(view) or checksum(view[start:behind]) != int.from_bytes(view[behind:end]):
        return None
    time = unpack_time(bytes(view[start + HEADER_BYTES : start + HEADER_BYTES + TIME_BYTES]))
    if time is None:
        return None
    data = bytes(view[start + HEADER_BYTES + TIME_BYTES : behind])
    return Packet(start, header.apid, header.seq_count, time, data), end
