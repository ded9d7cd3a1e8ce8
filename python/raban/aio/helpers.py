"""`create_ssl_context`: which certificates to use, as in aiokafka."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from os import PathLike
from typing import TypeAlias

Path: TypeAlias = str | bytes | PathLike[str] | PathLike[bytes]
Password: TypeAlias = str | bytes | bytearray | Callable[[], str | bytes | bytearray]


@dataclass(frozen=True, kw_only=True)
class SSLSettings:
    """The files and data that a TLS connection uses. Nothing is read yet.

    It stands in for an `ssl.SSLContext`, which is Python's OpenSSL and can't be used from Rust.
    A producer refuses it, as all of TLS, until raban has TLS.
    """

    cafile: Path | None = None
    """PEM file of the authorities that may sign the brokers' certificates."""
    capath: Path | None = None
    """Folder of such files."""
    cadata: str | bytes | bytearray | memoryview | None = field(default=None, repr=False)
    """Such certificates themselves: PEM as text, DER as bytes."""
    certfile: Path | None = None
    """PEM file of the client's certificate and those that signed it."""
    keyfile: Path | None = None
    """PEM file of the client's key; without it the key is in `certfile`."""
    password: Password | None = field(default=None, repr=False)
    """The key's password, or a function that gives it."""
    crlfile: Path | None = None
    """PEM file of certificates that were revoked."""


def create_ssl_context(
    *,
    cafile: Path | None = None,
    capath: Path | None = None,
    cadata: str | bytes | bytearray | memoryview | None = None,
    certfile: Path | None = None,
    keyfile: Path | None = None,
    password: Password | None = None,
    crlfile: Path | None = None,
) -> SSLSettings:
    """What to give as `ssl_context`: the arguments, remembered."""
    return SSLSettings(
        cafile=cafile,
        capath=capath,
        cadata=cadata,
        certfile=certfile,
        keyfile=keyfile,
        password=password,
        crlfile=crlfile,
    )
