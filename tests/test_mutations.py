"""`scripts/soak mutations` has something to take away for every attack, and takes just that."""

from __future__ import annotations

import ast

import pytest

from tests.mutations import APART, EDITS, PLAYED, ROOT, dropped, rules, without


def test_every_attack_has_a_rule_that_can_be_taken_away() -> None:
    named = rules()
    bare = [id for id, found in named.items() if not found and id not in EDITS]
    assert len(named) > 100 and set(bare) <= APART | PLAYED
    assert set(EDITS) <= set(named) and set(named) >= APART | PLAYED


@pytest.mark.parametrize("id", EDITS)
def test_an_edit_fits_the_code_as_it_is(id: str) -> None:
    for edit in EDITS[id]:
        text = (ROOT / edit.path).read_text()
        assert text.count(edit.old) == 1, edit
        ast.parse(text.replace(edit.old, edit.new))


def test_a_rule_is_dropped_where_it_is_raised_and_nothing_else_is() -> None:
    source = """\
def first(x):
    if x:
        raise Wrong(
            x=x
        ) from None
    raise Other(x)


def second():
    yield Wrong()
    yield from ()
"""
    assert (
        without(source, "Wrong")
        == """\
def first(x):
    if x:
        pass
    raise Other(x)


def second():
    pass
    yield from ()
"""
    )
    assert without(source, "Absent") == source
    (path,) = dropped(ROOT, "DonationUnclaimable")
    assert path.name == "claims.py"
