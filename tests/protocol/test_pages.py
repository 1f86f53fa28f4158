"""The pages cannot fall behind: types, rules, constants, tags, caps and links are the program's."""

import ast
import re
from pathlib import Path
from typing import Any, get_type_hints

import pytest

from bystack.mainchain.light_messages import _KINDS as LIGHT_KINDS
from bystack.mainchain.light_messages import CAPS as LIGHT_CAPS
from bystack.mainchain.messages import _KINDS as MAIN_KINDS
from bystack.mainchain.messages import CAPS as MAIN_CAPS
from bystack.node.mainchain.wire import GOSSIP, TOPIC
from bystack.p2p.gossip import payload_cap
from bystack.p2p.messages import HANDSHAKE_CAPS, OPEN_CAPS, Kind
from bystack.primitives.codec import Wire
from bystack.primitives.errors import Invalid
from tests.protocol.pages import FOLDER, MINE, PAGES, Field
from tests.protocol.peers import CAPS
from tests.protocol.program import (
    LAYERS,
    NO_PROTOCOL,
    PAGE_OF,
    UNIONS,
    descendants,
    full_name,
    loaded,
    members,
    modules,
    page_name,
    pattern,
    rules,
    shown,
    wire_types,
)
from tests.wire import GOLDEN

HERE = Path(__file__).parent
SECOND = ("pages", "reader", "trees", "ledger", "vaults", "mainchain", "peers")
LINK = re.compile(r"\]\(([\w./-]*)#([\w-]+)\)")


def as_fields(kind: type) -> tuple[Field, ...]:
    hints = get_type_hints(kind, include_extras=True)
    names: tuple[str, ...] = kind.__struct_fields__  # type: ignore[attr-defined]
    return tuple(Field(name, shown(hints[name]), pattern(hints[name])) for name in names)


@pytest.mark.parametrize("kind", wire_types(), ids=full_name)
def test_every_wire_type_has_its_table(kind: Any) -> None:
    table = PAGES.tables.get(page_name(kind))
    assert table is not None, f"docs/protocol has no table for {full_name(kind)}"
    tag = kind.__struct_config__.tag
    assert table.fields == as_fields(kind)
    assert table.tag == (-1 if tag is None else tag)


def test_every_table_is_of_a_wire_type() -> None:
    assert PAGES.tables.keys() == {page_name(kind) for kind in wire_types()}


def test_unions_have_the_members_shown() -> None:
    found = {name: {page_name(one) for one in members(union)} for name, union in UNIONS.items()}
    assert {name: set(shown) for name, shown in PAGES.unions.items()} == found


@pytest.mark.parametrize("rule", rules(), ids=full_name)
def test_every_rule_is_named(rule: type) -> None:
    text = PAGES.text[PAGE_OF[rule.__module__.split(".")[1]]] + PAGES.text["peers"]
    assert f"`{rule.__name__}`" in text, f"docs/protocol does not name {full_name(rule)}"


def test_every_rule_shown_exists() -> None:
    loaded()
    known = {one.__name__ for one in descendants(Invalid)}
    shown = set()
    for text in PAGES.text.values():
        for table in re.findall(r"^\| rule .*\n(?:\|.*\n?)+", text, re.M):
            for row in table.splitlines()[2:]:
                shown |= set(re.findall(r"`([A-Z]\w+)`", row.split("|")[1]))
    assert len(shown) > 100
    assert shown - known == set()


def test_no_exception_outlives_what_it_excuses() -> None:
    loaded()
    kinds = {full_name(one) for base in (Invalid, Wire) for one in descendants(base)}
    assert NO_PROTOCOL.keys() - set(modules()) - kinds == set()


def values_of(name: str) -> set[int]:
    """What a constant is, in whichever modules have it."""
    module, _, word = name.rpartition(".")
    return {
        int(getattr(one, word))
        for one in loaded()
        if hasattr(one, word) and (not module or one.__name__.endswith(f".{module}"))
    }


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for _, name, value in PAGES.constants], ids=str
)
def test_constants_are_the_programs(name: str, value: int) -> None:
    assert values_of(name) == {value}


def test_there_are_constants_to_compare() -> None:
    assert len(PAGES.constants) > 60


def test_every_tag_hashed_under_is_shown() -> None:
    tags = set()
    for module in loaded():
        source = Path(module.__file__).read_text()
        tags |= set(re.findall(r"= (?:tagged|tagged_one|absorbed)\(\"([a-z/0-9]+)\"\)", source))
    text = "\n".join(PAGES.text.values())
    assert len(tags) > 35
    assert [tag for tag in sorted(tags) if not re.search(rf"[`\"/]{tag}[`\"]", text)] == []


def test_caps_of_frames() -> None:
    messages = {kind: cls.__name__ for kind, (cls, _) in {**MAIN_KINDS, **LIGHT_KINDS}.items()}
    messages |= {kind: "".join(map(str.title, kind.name.split("_"))) for kind in Kind}
    caps = {**HANDSHAKE_CAPS, **OPEN_CAPS, **MAIN_CAPS, **LIGHT_CAPS, GOSSIP: payload_cap([TOPIC])}
    messages[GOSSIP] = "GossipMessage"
    assert {kind: cap for kind, (_, cap) in CAPS.items()} == caps
    assert {kind: name.split(".")[-1] for kind, (name, _) in CAPS.items()} == messages


def test_golden_files_named_exist() -> None:
    named = {one for text in PAGES.text.values() for one in re.findall(r"`(\w+)\.hex`", text)}
    assert len(named) > 20
    assert [one for one in named if not (GOLDEN / f"{one}.hex").is_file()] == []


def slug(heading: str) -> str:
    plain = heading.replace("`", "").encode("ascii", "ignore").decode().lower()
    return re.sub(r"\s+", "-", re.sub(r"[^\w\s-]", "", plain).strip())


@pytest.mark.parametrize("page", MINE)
def test_links_lead_to_headings(page: str) -> None:
    text = (FOLDER / f"{page}.md").read_text()
    broken = []
    for target, anchor in LINK.findall(text):
        there = (FOLDER / target).read_text() if target else text
        if anchor not in map(slug, re.findall(r"^#+ (.*)$", there, re.M)):
            broken.append(f"{target}#{anchor}")
    assert broken == []


@pytest.mark.parametrize("name", SECOND)
def test_the_second_implementation_knows_nothing_of_the_program(name: str) -> None:
    tree = ast.parse((HERE / f"{name}.py").read_text())
    imported = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add(node.module or "")
    allowed = {f"tests.protocol.{one}" for one in SECOND}
    assert [one for one in imported if one.split(".")[0] in ("bystack", "tests")] == [
        one for one in imported if one in allowed
    ]


def test_the_layers_are_the_pages() -> None:
    assert {PAGE_OF[layer] for layer in LAYERS} | {"README"} == set(MINE)
