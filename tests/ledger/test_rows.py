"""Rows remember exactly what differs from what is stored, whatever is done to them."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from bystack.ledger.rows import Rows

KEYS = st.integers(0, 5)
NAMES = st.sampled_from(["delete", "pop", "last", "clear", "update", "take"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("set"), KEYS, st.integers()),
        st.tuples(
            st.sampled_from(["delete", "pop", "last", "clear", "update", "take"]), KEYS, KEYS
        ),
    )
)


@given(STEPS)
def test_what_was_taken_makes_the_stored_the_same(steps: list[tuple[str, int, int]]) -> None:
    rows: Rows[int, int] = Rows({1: 10, 2: 20})
    stored = {1: 10, 2: 20}

    def store() -> None:
        for key, value in rows.taken().items():
            stored.pop(key, None) if value is None else stored.__setitem__(key, value)
        assert stored == dict(rows)
        assert not rows.changed

    for name, key, value in steps:
        match name:
            case "set":
                rows[key] = value
            case "delete" if key in rows:
                del rows[key]
            case "pop":
                assert rows.pop(key, None) == rows.get(key) or key not in rows
            case "last" if rows:
                rows.popitem()
            case "clear":
                rows.clear()
            case "update":
                rows.update({key: value})
            case "take":
                store()
    store()


def test_only_what_changed_is_taken() -> None:
    rows = Rows({n: n for n in range(1_000)})
    assert not rows.changed
    rows[5] = 6
    del rows[7]
    assert rows.changed
    assert rows.taken() == {5: 6, 7: None}
    assert rows.taken() == {}
