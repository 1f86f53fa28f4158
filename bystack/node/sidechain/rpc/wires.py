"""The types of the sidechain's own values as results show them (see `rpc.plain`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bystack.federation.module import decisions, records
from bystack.node.rpc.plain import plain
from bystack.sidechain import parameters, params, peg_numbers
from bystack.sidechain import records as pegs

if TYPE_CHECKING:
    Allowance = dict[str, Any]
    Asset = dict[str, Any]
    AssetNumbers = dict[str, Any]
    Decision = dict[str, Any]
    Destination = dict[str, Any]
    Parameters = dict[str, Any]
    Rules = dict[str, Any]
    TermsDecision = dict[str, Any]
    Work = dict[str, Any]
else:
    Allowance = plain(decisions.Allowance)
    Asset = plain(params.Asset)
    AssetNumbers = plain(peg_numbers.AssetNumbers)
    Decision = plain(decisions.Decision, "Decision")
    Destination = plain(pegs.Destination, "Destination")
    Parameters = plain(parameters.Parameters)
    Rules = plain(records.Rules)
    TermsDecision = plain(records.TermsDecision)
    Work = plain(records.Work)
