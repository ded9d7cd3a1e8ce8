"""What the tables of keywords are made of: the row, and how values become Kafka's texts."""

from __future__ import annotations

import ipaddress
import itertools
import operator
import re
from collections.abc import Callable, Iterable, Mapping, Sized
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

from raban.errors import KafkaConfigurationError

INT32_MAX = 2**31 - 1
INT64_MAX = 2**63 - 1

Treatment = Literal["setting", "handled", "ignored", "warned", "refused"]
"""What becomes of a keyword:

- `setting`: it is one of Kafka's settings, under another name.
- `handled`: the Python package itself sees to it.
- `ignored`: accepted without effect, and nothing is lost by that.
- `warned`: accepted without effect, with a warning that says why.
- `refused`: a KafkaConfigurationError, unless the value asks for nothing.
"""

Convert = Callable[[str, Any], str | None]
"""Makes Kafka's text of a keyword (its name, its value); None leaves the setting alone.

Raises ValueError, naming the keyword, its value and what would be valid.
"""


class _Marker:
    """A value that no user has, shown as a word."""

    def __init__(self, word: str) -> None:
        self._word = word

    def __repr__(self) -> str:
        return self._word


UNSET: Any = _Marker("unset")
"""A keyword that was not given, where None could be given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Keyword:
    """One row: a keyword, and what raban does with it."""

    name: str
    default: Any
    """The default in the client that the keyword comes from."""
    treatment: Treatment
    setting: str | None = None
    """Kafka's name, of a `setting`."""
    convert: Convert | None = None
    note: str = ""
    """Without effect: why. Refused: what is missing and what to do. Else: what is to be known.
    A clause; one that has more than one sentence has no full stop at its end."""
    own: Any = UNSET
    """raban's default, where that one applies."""
    shown: str = ""
    """The default in words, where its repr doesn't tell."""
    whose: str = ""
    """Whose default applies, in words, where `own` doesn't tell."""
    old: bool = False
    """Whether kafka-python 2 alone had it."""
    harmless: Callable[[Any], bool] = lambda value: False
    """Whether raban behaves like this value anyway."""

    @property
    def in_force(self) -> Any:
        """The default that applies."""
        return self.default if self.own is UNSET else self.own

    def asks_for_nothing(self, value: Any) -> bool:
        """Whether the value, such as the default or an empty one, demands nothing of raban."""
        empty = value is None or (isinstance(value, Sized) and len(value) == 0)
        return empty or bool(value == self.default) or self.harmless(value)


@dataclass(slots=True, kw_only=True)
class Translated:
    """A producer's arguments, sorted by who needs them."""

    properties: dict[str, str]
    """raban's settings by Kafka's names."""
    config: dict[str, Any]
    """What `producer.config` shows."""
    key_serializer: Any = None
    value_serializer: Any = None
    partitioner: Any = None
    """None: raban chooses partitions."""
    bootstrap_timeout_ms: float | None = None
    """How long to wait for the first broker; None: not at all."""
    warnings: list[str]
    """Sentences that the user should see."""


def reject(
    given: Mapping[str, Any],
    table: Iterable[Keyword],
    client: str,
    hint: str = "",
    unknown_error: type[Exception] = ValueError,
) -> None:
    """Raises for keywords that don't exist (`unknown_error`) or are refused (KafkaConfigurationError).

    All of them are named, and no value is shown: it may be a secret. `hint` ends the message
    about keywords that don't exist.
    """
    rows = {row.name: row for row in table}
    unknown = [_unknown(name, rows, client) for name in given if name not in rows]
    if unknown:
        raise unknown_error(" ".join([*unknown, hint]).rstrip())
    refused = _by_note(given, rows, "refused")
    if refused:
        raise KafkaConfigurationError(
            " ".join(
                f"{_listed(names)} {'is' if len(names) == 1 else 'are'} refused: {note}."
                for note, names in refused.items()
            )
        )


def warnings_of(given: Mapping[str, Any], table: Iterable[Keyword]) -> list[str]:
    """One sentence for each reason for which given keywords have no effect."""
    warned = _by_note(given, {row.name: row for row in table}, "warned")
    return [
        f"{_listed(names)} {'has' if len(names) == 1 else 'have'} no effect: {note}."
        for note, names in warned.items()
    ]


def _by_note(
    given: Mapping[str, Any], rows: Mapping[str, Keyword], treatment: Treatment
) -> dict[str, list[str]]:
    """The given keywords of that treatment that ask for something, by their note."""
    found: dict[str, list[str]] = {}
    for name, value in given.items():
        row = rows[name]
        if row.treatment == treatment and not row.asks_for_nothing(value):
            found.setdefault(row.note, []).append(name)
    return found


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _unknown(name: str, rows: Iterable[str], client: str) -> str:
    normal = re.sub(r"[^a-z0-9]", "_", name.lower())
    near = get_close_matches(normal, rows, n=1, cutoff=0.7)
    remedy = f"did you mean `{near[0]}`?" if near else "remove it."
    return f"`{name}` is no keyword of {client}: {remedy}"


def properties_of(config: Mapping[str, Any], table: Iterable[Keyword]) -> dict[str, str]:
    """Kafka's settings for all keywords that `config` has."""
    properties = {}
    for row in table:
        if row.setting and row.convert and row.name in config:
            text = row.convert(row.name, config[row.name])
            if text is not None:
                properties[row.setting] = text
    return properties


def invalid(name: str, value: Any, valid: str) -> ValueError:
    """The error for a value that isn't valid."""
    shown = repr(value)
    if len(shown) > 100:
        shown = f"{shown[:100]}…"
    return ValueError(f"`{name}={shown}` is invalid. Valid: {valid}.")


@dataclass(frozen=True, slots=True)
class Number:
    """Whole numbers: ints, floats without a fraction, and strings of digits."""

    least: int
    most: int
    unit: str = ""

    def __call__(self, name: str, value: Any) -> str:
        number = _whole(value)
        if number is None or not self.least <= number <= self.most:
            unit = f", in {self.unit}" if self.unit else ""
            raise invalid(name, value, f"a whole number from {self.least} to {self.most}{unit}")
        return str(number)


@dataclass(frozen=True, slots=True)
class Milliseconds:
    """Durations: whole numbers, or floats, which are rounded; infinity is the longest one."""

    most: int = INT64_MAX
    least: int = 0

    def __call__(self, name: str, value: Any) -> str:
        if isinstance(value, float):
            if value == float("inf"):
                return str(self.most)
            # A float that is no number stays, and is refused below.
            value = round(value) if abs(value) <= INT64_MAX else value
        return Number(self.least, self.most, "milliseconds")(name, value)


def _whole(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        return int(value) if re.fullmatch(r"\s*[+-]?[0-9]+\s*", value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    try:
        return operator.index(value)
    except TypeError:
        return None


def or_none(text: str | None, convert: Convert) -> Convert:
    """As `convert`, and `text` for None."""
    return lambda name, value: text if value is None else convert(name, value)


def one_of(*valid: str) -> Convert:
    """One of these texts."""

    def convert(name: str, value: Any) -> str:
        if not isinstance(value, str) or value not in valid:
            raise invalid(name, value, ", ".join(map(repr, valid)))
        return value

    return convert


def text(name: str, value: Any) -> str:
    """A text."""
    if not isinstance(value, str):
        raise invalid(name, value, "a str")
    return value


def boolean(name: str, value: Any) -> str:
    """True or False, also as 1 and 0, or in words."""
    word = str(value).strip().lower() if isinstance(value, (bool, str)) else ""
    if word not in ("true", "false"):
        word = {1: "true", 0: "false"}.get(_whole(value), "")  # type: ignore[arg-type]
    if not word:
        raise invalid(name, value, "True or False")
    return word


_COMPRESSION = ("gzip", "snappy", "lz4", "zstd")


def compression(name: str, value: Any) -> str:
    """None, or the name of a codec."""
    if value is None:
        return "none"
    if not isinstance(value, str) or value not in _COMPRESSION:
        raise invalid(name, value, f"None, {', '.join(map(repr, _COMPRESSION))}")
    return value


def bootstrap_servers(name: str, value: Any) -> str:
    """One str, separated by commas, or an iterable of str and (host, port); the port may lack."""
    if isinstance(value, str) or _is_pair(value):
        entries: list[Any] = [value]
    elif isinstance(value, Iterable) and not isinstance(value, (bytes, Mapping)):
        entries = list(value)
    else:
        entries = []
    valid = "'host:port', or a list of such, or of (host, port); the port, if left out, is 9092"
    wrong = invalid(name, value, valid)
    servers: list[str] = []
    for entry in entries:
        if _is_pair(entry):
            servers.append(_server(f"{_bracketed(entry[0])}:{entry[1]}", wrong))
        elif not isinstance(entry, str):
            raise wrong
        elif entry.strip().startswith("embedded:"):
            servers.append(entry.strip())
        else:
            # A str in a list may itself have commas, as a variable of the environment does.
            parts = (part.strip() for part in entry.split(","))
            servers += [_server(part, wrong) for part in parts if part]
    if not servers:
        raise wrong
    return ",".join(servers)


def _is_pair(value: Any) -> bool:
    """Whether it is host and port."""
    if not isinstance(value, (tuple, list)) or len(value) != 2:
        return False
    return isinstance(value[0], str) and isinstance(value[1], int)


def _server(entry: str, wrong: ValueError) -> str:
    """The entry with a port; raises `wrong` if that isn't one. Whether the host is good, raban tells."""
    scheme, separator, address = entry.rpartition("://")
    address = _bracketed(address)
    port = re.search(r":([^\]]*)$", address)
    if port is None:
        address = f"{address}:9092"
    elif not re.fullmatch(r"[0-9]{1,5}", port[1]) or not 0 < int(port[1]) < 65536:
        raise wrong
    return f"{scheme}{separator}{address}"


def _bracketed(host: str) -> str:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return host
    return f"[{host}]"


_numbers = itertools.count(1)


def new_client_id() -> str:
    """The name of a producer that was given none."""
    return f"raban-producer-{next(_numbers)}"


LONGEST_BACKOFF_MS = 1000


def longest_backoff(first: str) -> str:
    """raban's longest wait after failures in a row, unless the first one is longer."""
    return str(max(LONGEST_BACKOFF_MS, int(first)))


_BECOMES = {
    "handled": "handled by the package",
    "ignored": "accepted, no effect",
    "warned": "accepted with a warning",
    "refused": "refused",
}


def table_as_markdown(table: Iterable[Keyword], client: str) -> str:
    """The table as the documentation has it; `client` is whose keywords they are."""
    lines = [
        "| keyword | default | what becomes of it | whose default applies | note |",
        "|---|---|---|---|---|",
    ]
    for row in table:
        default = row.shown or repr(row.default)
        becomes = _BECOMES.get(row.treatment, f"`{row.setting}`")
        whose = row.whose or (client if row.own is UNSET else f"raban's: `{row.own!r}`")
        if row.treatment in ("ignored", "warned", "refused"):
            whose = ""
        note = f"2.x only; {row.note}" if row.old else row.note
        cells = [f"`{row.name}`", f"`{default}`", becomes, whose, note]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join(lines) + "\n"
