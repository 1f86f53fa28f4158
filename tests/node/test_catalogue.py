"""The catalogue has what the design promises, and the reference in docs/ is what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from bystack.node.catalogue import catalogue
from bystack.node.reference import page
from bystack.node.web.forward import VAULT_METHODS, WALLET_METHODS

ROOT = Path(__file__).parent.parent.parent
READS = """getblockchaininfo getbestblockhash getblockcount getblockhash getblockheader getblock
getrawtransaction decoderawtransaction sendrawtransaction testmempoolaccept getmempoolinfo
getrawmempool gettxout gettxoutproof verifytxoutproof estimatesmartfee getpeerinfo addnode setban
getnetworkinfo getassetinfo"""
PROMISED = {
    "main": f"{READS} getblocktemplate submitblock generatetoaddress getvault listvaults",
    "wallet": """createwallet loadwallet getnewaddress getbalance listunspent listtransactions
        sendtoaddress issueasset walletcreatefundedpst walletprocesspst finalizepst sendtomainchain
        sendtosidechain""",
    "sidechain": f"""{READS} getsidechaininfo getvalidators getcommit getepoch getpeginaddress
        claimpegin getpeginstatus getpegoutstatus getreserves submitevidence""",
    "federation": """getfederationinfo listmembers listpending pause unpause propose vote
        getauditlog createvault buildvaultoperation submitvaultoperation""",
}
PARTS = catalogue()


@pytest.mark.parametrize("part", PROMISED)
def test_every_method_of_the_design_is_there(part: str) -> None:
    assert set(PROMISED[part].split()) - set(PARTS[part].names) == set()


def test_the_daemon_knows_which_methods_are_the_wallets() -> None:
    assert set(PARTS["wallet"].names) - {"help", "rpc.discover"} == WALLET_METHODS
    assert set(PARTS["federation"].names) >= VAULT_METHODS


def test_the_reference_is_current() -> None:
    same = (ROOT / "docs" / "rpc.md").read_text() == page(PARTS)
    assert same, "write it anew: .venv/bin/python -m bystack.node.catalogue > docs/rpc.md"
