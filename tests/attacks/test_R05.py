"""R05: two sidechain geneses name one vault; one deposit. It is minted once."""

import pytest

from bystack.ledger.amounts import BTM
from bystack.sidechain.claims import ForeignSidechain
from tests.sidechain.mainside import vault_chain
from tests.sidechain.world import K, World, genesis_for


@pytest.mark.parametrize("first", [0, 1])
def test_a_deposit_is_of_one_sidechain(first: int) -> None:
    main = vault_chain()
    worlds = [World(main, genesis_for(main, name=name)) for name in ("trade", "games")]
    one, two = worlds[first], worlds[1 - first]
    assert one.genesis.id != two.genesis.id and one.genesis.vault == two.genesis.vault
    paid = one.deposit(1_000)
    main.grow(K)
    for world in worlds:
        world.relay()
    with pytest.raises(ForeignSidechain):
        two.block(two.claim_tx(paid))
    one.block(one.claim_tx(paid))
    assert one.supply(BTM) + two.supply(BTM) + one.sums().pool + two.sums().pool == 1_000
