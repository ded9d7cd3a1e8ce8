"""The types: the package and its users under mypy --strict, the stubs beside the module."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("mypy", reason="mypy isn't installed: pip install './python[test]'")

ROOT = Path(__file__).resolve().parents[1]


def check(module: str, *arguments: str | Path, at: Path) -> None:
    """Runs a module of mypy's in a folder, where it also keeps its cache."""
    ran = subprocess.run(
        [sys.executable, "-m", module, *arguments], cwd=at, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_package_and_its_users_are_typed(tmp_path: Path) -> None:
    users = [*sorted((ROOT / "examples").glob("*.py")), ROOT / "tests" / "typing_ok.py"]
    check("mypy", "--strict", ROOT / "raban", *users, at=tmp_path)


def test_the_stubs_are_those_of_the_native_module(tmp_path: Path) -> None:
    check("mypy.stubtest", "raban._raban", at=tmp_path)
