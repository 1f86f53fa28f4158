"""The pages on consensus, sidechains, pegs and federation do not fall behind the program."""

from __future__ import annotations

import importlib
import pkgutil
import re
import types
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest

import bystack.federation
import bystack.sidechain
from bystack.primitives.codec import Wire
from bystack.primitives.errors import Invalid
from tests.protocol import sidechain_reader as reader
from tests.protocol import sidechain_tables as tables
from tests.wire import golden

PACKAGES = (bystack.sidechain, bystack.federation)
CONSTANT = re.compile(r"`((?:\w+\.)?[A-Z][A-Z0-9_]+) = ([\d_]+)`")
TAGGED = re.compile(r"(?:tagged|tagged_one|absorbed)\(\"([a-z0-9/-]+)\"\)")
KEYED = re.compile(r"state_key\(f?\"([a-z/]+)")
SIMPLE = {(0, 1): "bit", (0, 255): "u8", (0, 65_535): "u16", (0, 2**32 - 1): "u32",
          (0, 2**63 - 1): "u63"}  # fmt: skip


@cache
def modules() -> tuple[ModuleType, ...]:
    names = [
        one.name for p in PACKAGES for one in pkgutil.walk_packages(p.__path__, p.__name__ + ".")
    ]
    return (*PACKAGES, *map(importlib.import_module, names))


def own(base: type) -> Iterator[type]:
    """The subclasses that the two layers define."""
    for module in modules():
        for one in vars(module).values():
            if (
                isinstance(one, type)
                and issubclass(one, base)
                and one.__module__ == module.__name__
            ):
                yield one


@cache
def text() -> str:
    return "\n".join((tables.PAGES / f"{name}.md").read_text() for name in tables.NAMES)


def words() -> set[str]:
    return set(re.findall(r"`([A-Za-z]\w*)`", text()))


# -- types as the pages write them


def span(low: int, most: int | None) -> str:
    if most is None:
        return f" {low}…" if low else ""
    if low == most:
        return f" {low}"
    return f" {low}…{most:_}" if low else f" ≤ {most:_}"


def bounds(hint: Any) -> tuple[Any, dict[str, Any]]:
    """A hint without its annotations, and the innermost of what they bound."""
    found: dict[str, Any] = {}
    while get_origin(hint) is Annotated:
        hint, *metas = get_args(hint)
        for meta in metas:
            for name in ("ge", "le", "lt", "min_length", "max_length"):
                value = getattr(meta, name, None)
                if value is not None:
                    found.setdefault(name, value)
    return hint, found


def shown(hint: Any) -> str:
    """A field's type as a page shows it; unions by their members."""
    bare, found = bounds(hint)
    low, most = found.get("min_length", 0), found.get("max_length")
    if bare is int:
        top = found.get("le", found["lt"] - 1 if "lt" in found else None)
        place = (found.get("ge"), top)
        return SIMPLE.get(place) or ("int" if top is None else f"int {place[0]}…{top:_}")
    if bare in (bytes, str):
        return bare.__name__ + span(low, most)
    if get_origin(bare) is tuple:
        parts = get_args(bare)
        if parts[-1] is Ellipsis:
            return f"list{span(low, most)} of {shown(parts[0])}"
        return f"[{', '.join(map(shown, parts))}]"
    if get_origin(bare) in (Union, types.UnionType):
        return " or ".join(shown(one) for one in get_args(bare))
    return f"`{bare.__name__}`"


def spelled(kind: str) -> str:
    """A page's type with a union's name replaced by its members."""

    def members(found: re.Match[str]) -> str:
        names = tables.unions().get(found[1], [found[1]])
        return " or ".join(f"`{name}`" for name in names)

    return re.sub(r"`(\w+)`", members, kind)


def matches(table: tables.Table, kind: type[Wire]) -> bool:
    tag = kind.__struct_config__.tag
    hints = get_type_hints(kind, include_extras=True)
    fields = tuple((name, shown(hints[name])) for name in kind.__struct_fields__)
    given = tuple((name, spelled(one)) for name, one in table.fields)
    return table.tag == (-1 if tag is None else tag) and given == fields


def at_rest() -> set[str]:
    """The types in the lists of what no peer sees, which need no table."""
    return set(re.findall(r"^\| `(\w+)` \| \w+: ", text(), re.M))


def test_every_wire_type_has_its_table() -> None:
    mine = {page: list(tables.tables_of(page)) for page in tables.NAMES}
    every = [table for found in mine.values() for table in found]
    lacking = [
        f"{kind.__module__}.{kind.__name__}"
        for kind in own(Wire)
        if not kind.__subclasses__()  # a base of others
        and kind.__name__ not in at_rest()
        and not any(t.name == kind.__name__ and matches(t, kind) for t in every)
    ]
    assert lacking == []


def test_every_table_is_a_wire_type() -> None:
    kinds = list(own(Wire))
    stale = [
        f"{page}: {table.name}"
        for page in tables.NAMES
        for table in tables.tables_of(page)
        if not any(table.name == kind.__name__ and matches(table, kind) for kind in kinds)
    ]
    assert stale == []


def test_every_rule_is_named() -> None:
    assert sorted({one.__name__ for one in own(Invalid)} - words()) == []


def test_no_rule_is_named_that_is_gone() -> None:
    rows = re.findall(r"^\| rule \| refuses \|\n(.*?)\n(?:\n|\Z)", text() + "\n\n", re.S | re.M)
    named = {name for part in rows for name in re.findall(r"^\| `(\w+)` \|", part, re.M)}
    assert len(named) > 300
    assert sorted(named - {one.__name__ for one in own(Invalid)}) == []


def test_every_constant_is_the_programs() -> None:
    shown = {(name, int(value.replace("_", ""))) for name, value in CONSTANT.findall(text())}
    assert len(shown) > 50
    wrong = [(name, value) for name, value in sorted(shown) if value not in values(name)]
    assert wrong == []


def values(name: str) -> set[int]:
    """What modules of the two layers call so, or the module named before it."""
    home, _, bare = name.rpartition(".")
    where = [m for m in modules() if not home or m.__name__.rpartition(".")[2] == home]
    found = {vars(m)[bare] for m in where if isinstance(vars(m).get(bare), int)}
    assert len(found) == 1, f"{name} is {sorted(found)}"
    return found


def sources() -> Iterator[str]:
    for module in modules():
        yield Path(module.__file__ or "").read_text()


def test_every_tag_is_named() -> None:
    tags = {tag for source in sources() for tag in TAGGED.findall(source)}
    assert len(tags) > 30
    assert (
        sorted(tag for tag in tags if f'"{tag}"' not in text() and f"`{tag}`" not in text()) == []
    )


def test_every_state_key_is_named() -> None:
    page = (tables.PAGES / "sidechain.md").read_text()
    keys = {key.rstrip("/") for source in sources() for key in KEYED.findall(source)}
    assert len(keys) > 30
    assert (
        sorted(key for key in keys if f"`{key}/`" not in page and f"`{key}` and `/`" not in page)
        == []
    )


GOLDEN = [table for page in tables.NAMES for table in tables.tables_of(page) if table.golden]
KEYGEN = ("hello", "deal", "acknowledge", "open", "certify")


@pytest.mark.parametrize("table", GOLDEN, ids=lambda table: table.golden)
def test_golden_bytes_are_read_by_the_tables_alone(table: tables.Table) -> None:
    data = golden(table.golden)
    value = reader.read(data)
    tables.check_table(table, value)
    assert reader.write(value) == data
    with pytest.raises(tables.Refused):
        tables.check_table(table, (*value, 0))


@pytest.mark.parametrize("name", KEYGEN)
def test_words_of_a_key_generation_are_read_by_the_tables_alone(name: str) -> None:
    (signed,) = tables.named("Signed")
    tables.check_table(signed, reader.read(golden(f"federation_dkg_{name}")))


@pytest.mark.parametrize("name", ["sidechain_reader", "pegs_reader", "federation_reader"])
def test_the_readers_take_nothing_from_the_program(name: str) -> None:
    source = (Path(__file__).parent / f"{name}.py").read_text()
    assert not re.search(r"^\s*(?:import|from) bystack", source, re.M)
