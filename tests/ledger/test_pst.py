import msgspec
import pytest

from bystack.ledger.pst import (
    EMPTY,
    MAX_DRAFT,
    PREFIX,
    DraftMalformed,
    DraftTextInvalid,
    PartiallySigned,
    decode_draft,
    draft_text,
    parse_draft,
    unsigned,
)
from bystack.ledger.pst_signing import sign_draft
from bystack.ledger.transactions import NoWitness
from bystack.primitives.codec import Malformed, TooLong, encode
from bystack.primitives.errors import Invalid
from tests.ledger.drafts import AUX, TWO_OF_THREE, keys_of, one_policy
from tests.ledger.people import ALICE

DRAFT = sign_draft(one_policy(TWO_OF_THREE), keys_of(ALICE), AUX)


def replaced(**fields: object) -> PartiallySigned:
    return msgspec.structs.replace(DRAFT, **fields)


def test_it_survives_the_way_through_a_file() -> None:
    text = draft_text(encode(DRAFT))
    assert text.startswith(PREFIX)
    assert parse_draft(text) == DRAFT
    wrapped = "\r\n".join(text[at : at + 64] for at in range(0, len(text), 64))
    assert parse_draft(f"\n {wrapped}\t") == DRAFT


@pytest.mark.parametrize(
    "text",
    ["", "psbt", PREFIX.upper(), f"x{PREFIX}", f"{PREFIX}!", f"{PREFIX}AAA", f"{PREFIX}é"],
)
def test_text_that_is_no_draft(text: str) -> None:
    with pytest.raises(DraftTextInvalid):
        parse_draft(text)


def test_every_cut_of_the_text_is_refused() -> None:
    text = draft_text(encode(DRAFT))
    for end in range(0, len(text) - 1, 5):
        with pytest.raises(Invalid):
            parse_draft(text[:end])


def test_a_draft_is_bounded_before_it_is_read() -> None:
    with pytest.raises(DraftTextInvalid):
        parse_draft(PREFIX + "A" * (2 * MAX_DRAFT))
    with pytest.raises(TooLong):
        decode_draft(bytes(MAX_DRAFT + 1))
    with pytest.raises(Malformed):  # a part with more signatures than a branch has keys
        part = msgspec.structs.replace(DRAFT.parts[0], signatures=DRAFT.parts[0].signatures * 33)
        decode_draft(encode(replaced(parts=(part,))))


@pytest.mark.parametrize(
    "fields",
    [
        {"coins": ()},
        {"coins": DRAFT.coins * 2},
        {"witnesses": ()},
        {"witnesses": (NoWitness(),) * 2},
        {"parts": ()},
        {"parts": (EMPTY, EMPTY)},
    ],
)
def test_counts_fit_the_body(fields: dict[str, object]) -> None:
    with pytest.raises(DraftMalformed):
        decode_draft(encode(replaced(**fields)))


def test_an_unsigned_draft_has_a_slot_for_each_input_and_action() -> None:
    draft = unsigned(DRAFT.chain_id, DRAFT.body, DRAFT.coins)
    assert (draft.witnesses, draft.parts) == ((NoWitness(),), (EMPTY,))
    assert decode_draft(encode(draft)) == draft
    assert set(draft.fee.values()) == {100}


def test_a_finished_witness_leaves_nothing_to_gather() -> None:
    assert DRAFT.with_witness(0, NoWitness()).parts == (EMPTY,)
