"""The examples, the README's and the guide's code and the doctest run as they are written."""

from __future__ import annotations

import doctest
import re
import subprocess
import sys
from pathlib import Path

import pytest

import raban
from raban import EmbeddedBroker

ROOT = Path(__file__).resolve().parents[1]
EXAMPLES = ROOT / "examples"
PAGES = (ROOT / "README.md", ROOT.parent / "docs" / "migration.md")

EXPECTED = {
    "hello": "topic hello, partition 0, offset 0\n",
    "callbacks": "1000 delivered, 0 failed\n",
    "aio": (
        "the first one has offset 0\n1000 delivered, 0 failed\n1000 delivered, 0 failed\n"
    ),
    "send_many": (
        "SendManyReport(delivered=100000, failed=0)\n"
        "SendManyReport(delivered=3, failed=0)\n"
        "SendManyReport(delivered=1000, failed=0)\n"
    ),
    "json_serializers": (
        "offset 0, 27 bytes\noffset 1, 21 bytes\noffset 2, -1 bytes\n"
        "not sent: Object of type set is not JSON serializable\n"
    ),
}
"""What each example prints; those for pytest are not among them."""

TOPICS = {
    "hello": {"hello": 1},
    "callbacks": {"callbacks": 1000},
    "aio": {"aio": 2001},
    "send_many": {"many": 100_003, "samples": 1000},
    "json_serializers": {"orders": 3},
}
"""How many records are in which topics after each example."""


def run(*arguments: str | Path) -> str:
    """What Python prints with these arguments; a warning is an error, and so is a line of log."""
    ran = subprocess.run(
        [sys.executable, "-W", "error", *arguments], capture_output=True, text=True, timeout=120
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    return ran.stdout


def run_pytest(path: Path) -> str:
    """What pytest prints about the tests in a file; all have to pass."""
    # Other plugins, which warn at their pleasure, stay outside.
    alone = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-p", "no:aiohttp", "-p", "no:anyio")
    return run("-m", "pytest", "-q", "--rootdir", path.parent, "-c", "/dev/null", *alone, path)


def test_every_example_is_tried() -> None:
    programs = {path.stem for path in EXAMPLES.glob("*.py")}
    assert programs == {*EXPECTED, "test_with_broker"}
    assert EXPECTED.keys() == TOPICS.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_needs_nothing(name: str) -> None:
    assert run(EXAMPLES / f"{name}.py") == EXPECTED[name]


@pytest.mark.parametrize("name", EXPECTED)
def test_an_example_takes_an_address(name: str, kafka_broker: EmbeddedBroker) -> None:
    assert run(EXAMPLES / f"{name}.py", kafka_broker.bootstrap_servers) == EXPECTED[name]
    found = {topic: len(kafka_broker.records(topic)) for topic in TOPICS[name]}
    assert found == TOPICS[name]


def test_the_example_of_a_test_passes() -> None:
    assert "2 passed" in run_pytest(EXAMPLES / "test_with_broker.py")


def blocks() -> list[tuple[str, str]]:
    """The Python code of the pages, each block with its page and line."""
    found = []
    for page in PAGES:
        # An installed package's tests may have left the guide behind.
        text = page.read_text() if page.exists() else ""
        for block in re.finditer(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
            line = text.count("\n", 0, block.start()) + 1
            found.append((f"{page.name}:{line}", block[1]))
    return found


@pytest.mark.parametrize("code", [pytest.param(code, id=place) for place, code in blocks()])
def test_a_block_of_the_pages_runs(
    code: str, tmp_path: Path, kafka_broker: EmbeddedBroker
) -> None:
    for package in re.findall(r"^import (numpy|pyarrow)$", code, re.MULTILINE):
        pytest.importorskip(package)
    is_test = "def test_" in code
    program = tmp_path / ("test_block.py" if is_test else "block.py")
    program.write_text(code.replace("localhost:9092", kafka_broker.bootstrap_servers))
    if is_test:
        assert "1 passed" in run_pytest(program)
    else:
        run(program)


def test_the_pages_have_code() -> None:
    assert len(blocks()) >= 9


def test_the_doctest_of_the_package() -> None:
    results = doctest.testmod(raban)
    assert results.attempted > 0 and results.failed == 0
