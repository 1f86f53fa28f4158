"""What becomes of a draft once it is built: signed and sent, or shared with those still to sign."""

from __future__ import annotations

from bystack.ledger.pst import PartiallySigned, draft_text
from bystack.ledger.pst_finishing import analyse, extract, next_role
from bystack.node.mainchain.forms import Json
from bystack.node.wallet.drafting import Drafting
from bystack.node.wallet.opened import Opened
from bystack.node.wallet.sending import hand_in
from bystack.primitives.codec import encode


async def sign_or_share(
    wallet: Opened, chain: str, drafting: Drafting, draft: PartiallySigned
) -> Json:
    """Sign our part; the transaction if that is all, else the draft, its coins set aside."""
    purse, draft = wallet.purse(chain), drafting.told(draft)
    purse.wallet.reserve(draft, kept=True)
    try:
        done = (await drafting.process(draft)).draft
        reports = analyse(done, drafting.height, drafting.approvals)
        if next_role(reports) == "extractor":
            tx = extract(done, drafting.approvals)
            return {"txid": await hand_in(wallet.follower(chain), tx)}
    except BaseException:
        purse.let_go(draft.body.inputs)
        raise
    purse.touch()
    await purse.save()
    return {"pst": draft_text(encode(done)), "next": next_role(reports)}
