"""ROMix: the RFC's vector, the slow and the compiled way alike, foreign libraries not trusted."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from bystack.mainchain.romix import (
    COMPILED,
    VECTOR_INPUT,
    VECTOR_OUTPUT,
    found_romix,
    romix,
    slow_romix,
)


def test_the_slow_way_gives_the_vector_of_the_rfc() -> None:
    assert slow_romix(VECTOR_INPUT, 16) == VECTOR_OUTPUT


@pytest.mark.skipif(COMPILED is None, reason="no compiled ROMix is installed")
def test_the_compiled_way_agrees_at_the_size_that_is_used() -> None:
    assert romix is COMPILED
    assert romix(VECTOR_INPUT, 1024) == slow_romix(VECTOR_INPUT, 1024)


def library(romix: Callable[..., Any]) -> Any:
    """What pycryptodome 3 looks like to us."""
    return SimpleNamespace(
        create_string_buffer=bytearray,
        get_raw_buffer=bytes,
        c_size_t=int,
        _raw_salsa20_lib=SimpleNamespace(Salsa20_8_core=None),
        _raw_scrypt_lib=SimpleNamespace(scryptROMix=romix),
    )


def right(given: bytes, out: bytearray, size: int, steps: int, core: None) -> int:
    out[:] = slow_romix(given, steps)
    return 0


def wrong(given: bytes, out: bytearray, size: int, steps: int, core: None) -> int:
    out[:] = given
    return 0


def test_a_library_is_used_if_it_gives_the_vector() -> None:
    found = found_romix(library(right), 3)
    assert found is not None and found(VECTOR_INPUT, 16) == VECTOR_OUTPUT


@pytest.mark.parametrize(
    ("given", "major"),
    [
        (library(wrong), 3),
        (library(right), 4),  # the names of one version, the number of another
        (library(right), 5),  # arguments may have changed behind the same names
        (library(lambda: 0), 3),
        (SimpleNamespace(), 3),
        (SimpleNamespace(), 4),
        (None, 4),
    ],
)
def test_any_other_library_is_not_used(given: Any, major: int) -> None:
    assert found_romix(given, major) is None
