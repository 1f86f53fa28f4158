"""The module `registry`: who registers a digest first owns it, may pass it on and may revoke it.

A digest says nothing of what it is the digest of. It is entered once: as long as its certificate is
valid, or for good when it was revoked; after it has expired anyone may enter it anew.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from msgspec import Meta

from bystack.primitives.codec import Wire, decode
from bystack.primitives.plain import to_plain
from bystack.sidechain.modules.asking import HexId, asked
from bystack.sidechain.modules.base import (
    ActionContext,
    ActionUnknown,
    BlockContext,
    Ending,
    Outcome,
    PrefixedState,
    Quiet,
)
from bystack.sidechain.modules.registry.certificates import (
    NAME,
    Endorse,
    Register,
    RegistryConfig,
    Revoke,
    Transfer,
)
from bystack.sidechain.modules.registry.entries import MAX_CONFIG, Registry, shown

REGISTER, TRANSFER, REVOKE, ENDORSE = 1, 2, 3, 4
MAX_BODY = 1_000
MAX_LISTED = 200

Page = Annotated[int, Meta(ge=1, le=MAX_LISTED)]
_KINDS: dict[int, type[Wire]] = {
    REGISTER: Register,
    TRANSFER: Transfer,
    REVOKE: Revoke,
    ENDORSE: Endorse,
}


class RegistryModule(Quiet):
    """Time-stamped digests; the module named `registry`."""

    name = NAME
    approved = frozenset((TRANSFER, REVOKE, ENDORSE))
    queries: tuple[str, ...] = ("getcertificate", "listcertificates", "getregistryinfo")

    def start(self, state: PrefixedState, config: bytes) -> None:
        """Keep the fees."""
        decode(RegistryConfig, config, MAX_CONFIG)
        state.put(config, b"config")

    def act(self, state: PrefixedState, context: ActionContext, kind: int) -> Outcome:
        """Register, pass on, revoke or endorse."""
        if kind not in _KINDS:
            raise ActionUnknown(module=NAME, kind=kind)
        action = decode(_KINDS[kind], context.action.body, MAX_BODY)
        return Registry(state).act(context, action)

    def end(self, state: PrefixedState, block: BlockContext) -> Ending:
        """The block's entries' fees go to the pool."""
        return Ending(forfeits=Registry(state).earnings())

    def query(
        self, state: PrefixedState, name: str, params: Sequence[Any]
    ) -> Mapping[str, Any] | None:
        """`getcertificate DIGEST`, `listcertificates OWNER COUNT [AFTER]`, `getregistryinfo`."""
        registry = Registry(state)
        match name:
            case "getcertificate":
                (digest,) = asked(tuple[HexId], params)
                found = registry.find(bytes.fromhex(digest))
                return shown(bytes.fromhex(digest), found)
            case "listcertificates":
                owner, count, after = asked(tuple[HexId, Page, str], params)
                return {"certificates": registry.of(bytes.fromhex(owner), count, after)}
            case "getregistryinfo":
                return {**to_plain(registry.config), "certificates": registry.count}
        return None
