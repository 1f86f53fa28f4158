"""A main chain small enough to try vaults on: coins, a height, everybody's keys."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from hashlib import sha256

from msgspec.structs import replace

from bystack.ledger.amounts import BTM
from bystack.ledger.checks import require
from bystack.ledger.coins import Coin, Delta
from bystack.ledger.effects import Applied
from bystack.ledger.policies import All, Any, Key, Policy, Thresh
from bystack.ledger.satisfaction import policy_root, prove_branch
from bystack.ledger.signing import ALL, signing_digest
from bystack.ledger.terms import Govern, Guard, Limit, Recover, Terms, Tier
from bystack.ledger.transactions import (
    Approval,
    DepositLock,
    Items,
    Lock,
    NoWitness,
    Outpoint,
    Output,
    PolicyLock,
    Spend,
    Transaction,
    TransactionBody,
    TreasuryLock,
    Witness,
)
from bystack.ledger.validation import Rules, apply_transaction
from bystack.ledger.vault_approvals import Demand, create_demands, demands, veto_demands
from bystack.ledger.vault_building import (
    AnchorCoin,
    OwnedCoin,
    Sponsor,
    approval,
    assemble,
    build_anchor_spend,
    build_complete,
    build_consolidate,
    build_create,
    build_order,
    build_veto,
    created_vault,
    veto_approval,
)
from bystack.ledger.vault_operations import (
    AnchorOperation,
    Create,
    Operation,
    Order,
    Replace,
    Touch,
    Veto,
    decode_operation,
)
from bystack.ledger.vault_state import AnchorState, decode_state
from bystack.ledger.vaults import vault_effects
from bystack.primitives.keys import public_key, sign

CHAIN = b"\x07" * 32
GOLD = b"\x01" * 32
ART = b"\x02" * 32
GOLD_UNIT = 10
ZEROS = bytes(32)
EVERYBODY = frozenset(("op", "s1", "s2", "g1", "g2", "r1", "r2", "r3", "n1", "n2", "n3"))
RULES = Rules(CHAIN, 100)


def secret(name: str) -> bytes:
    return sha256(b"secret of " + name.encode()).digest()


_names = {public_key(secret(name)): name for name in EVERYBODY}


def key(name: str) -> Key:
    held = public_key(secret(name))
    _names[held] = name
    return Key(held)


ORDINARY, SLOW, LARGE = 0, 1, 2


def usual_terms() -> Terms:
    """Tiers: 0 fast within limits, 1 within limits after 10 blocks, 2 anything after 144."""
    supers = (key("s1"), key("s2"))
    limits = (Limit(BTM, 100, 10, 5), Limit(GOLD, 50, 50, 40))
    return Terms(
        (
            Tier(key("op"), limits, 0),
            Tier(All((key("op"), Thresh(1, supers))), (Limit(BTM, 400, 100, 30),), 10),
            Tier(All((key("op"), Thresh(2, supers))), (), 144),
        ),
        Guard(Thresh(1, (key("g1"), key("g2"))), 20),
        Govern(All((key("op"), Any(supers))), 50),
        Recover(Thresh(2, (key("r1"), key("r2"), key("r3"))), 500),
        b"note" * 8,
    )


def new_terms() -> Terms:
    """As `usual_terms`, but the ordinary tier belongs to a new key."""
    terms = usual_terms()
    first = replace(terms.tiers[0], policy=key("n1"))
    return replace(terms, tiers=(first, *terms.tiers[1:]))


def leaves(policy: Policy) -> int:
    match policy:
        case Thresh(_, subs) | All(subs) | Any(subs):
            return sum(map(leaves, subs))
        case _:
            return 1


def fill(policy: Policy, digest: bytes, held: Collection[str]) -> Items | None:
    """The items that satisfy the policy with the keys held, or None."""
    match policy:
        case Key(public):
            name = _names[public]
            return (sign(secret(name), digest, ZEROS),) if name in held else None
        case Thresh(needed, subs):
            return _choose(needed, subs, digest, held)
        case All(subs):
            return _choose(len(subs), subs, digest, held)
        case Any(subs):
            return _choose(1, subs, digest, held)
        case _:
            raise AssertionError(policy)


def _choose(
    needed: int, subs: Sequence[Policy], digest: bytes, held: Collection[str]
) -> Items | None:
    items: Items = ()
    for sub in subs:
        part = fill(sub, digest, held) if needed else None
        needed -= part is not None
        items += (b"",) * leaves(sub) if part is None else part
    return None if needed else items


def groups(demanded: Sequence[Demand], held: Collection[str]) -> tuple[Items, ...]:
    """One group per demand; empty where the keys do not suffice."""
    return tuple(fill(d.policy, d.digest, held) or () for d in demanded)


def payee(name: str = "alice") -> PolicyLock:
    return PolicyLock(policy_root([key(name)]))


def pay(amount: int, asset: bytes = BTM, to: str = "alice") -> Output:
    return Output(asset, amount, payee(to))


class World:
    """The coins of a chain with one vault, made by `create`, and its present terms."""

    def __init__(self, terms: Terms | None = None, height: int = 1000) -> None:
        self.coins: dict[Outpoint, Coin] = {}
        self.height = height
        self.terms = terms or usual_terms()
        self._minted = 0
        sponsor = self.sponsor()
        self.vault = created_vault(self.terms, sponsor)
        self.anchor = self.submit(self.create(self.terms, sponsor))

    def get(self, outpoint: Outpoint, /) -> Coin | None:
        return self.coins.get(outpoint)

    @property
    def state(self) -> AnchorState:
        return decode_state(self.coins[self.anchor].state)

    def holdings(self, asset: bytes) -> int:
        """The vault's coins of an asset, pending ones included."""
        return sum(
            coin.amount
            for coin in self.coins.values()
            if coin.asset == asset and getattr(coin.lock, "vault", None) == self.vault
        )

    def mint(
        self, lock: Lock, amount: int, asset: bytes = BTM, unit: int = 1, height: int | None = None
    ) -> OwnedCoin:
        """A coin out of nowhere, as some earlier block made it."""
        self._minted += 1
        outpoint = Outpoint(sha256(b"minted %d" % self._minted).digest(), 0)
        at = self.height if height is None else height
        self.coins[outpoint] = Coin(asset, amount, lock, at, 0, unit, b"")
        return outpoint, self.coins[outpoint]

    def deposit(
        self, amount: int, asset: bytes = BTM, unit: int = 1, height: int | None = None
    ) -> OwnedCoin:
        return self.mint(DepositLock(self.vault, bytes(64)), amount, asset, unit, height)

    def treasury(self, amount: int, asset: bytes = BTM, unit: int = 1) -> OwnedCoin:
        return self.mint(TreasuryLock(self.vault), amount, asset, unit)

    def sponsor(self, amount: int = 100, fee: int = 3) -> Sponsor:
        """Somebody's coin that pays the fee."""
        outpoint, _ = self.mint(payee("sponsor"), amount)
        return Sponsor((outpoint,), (pay(amount - fee, to="sponsor"),))

    def at(self, outpoint: Outpoint) -> AnchorCoin:
        return AnchorCoin(outpoint, self.vault)

    # -- transactions, signed with the keys held

    def create(self, terms: Terms, sponsor: Sponsor) -> Transaction:
        body = build_create(terms, sponsor)
        wanted = create_demands(CHAIN, created_vault(terms, sponsor), Create(terms))
        return self.signed(body, approval(None, groups(wanted, EVERYBODY)))

    def order(
        self,
        outputs: Sequence[Output],
        coins: Sequence[OwnedCoin],
        tier: int = ORDINARY,
        held: Collection[str] = EVERYBODY,
        sponsor: Sponsor | None = None,
        seq: int | None = None,
    ) -> Transaction:
        """An order at the present seq, sponsored."""
        order = Order(self.state.seq if seq is None else seq, tier, tuple(outputs))
        paying = self.sponsor() if sponsor is None else sponsor
        body = build_order(self.at(self.anchor), self.terms, order, coins, paying)
        return self.signed(body, self.approve(order, held))

    def spend(self, operation: AnchorOperation, held: Collection[str] = EVERYBODY) -> Transaction:
        """Any other spend of the anchor."""
        body = build_anchor_spend(self.at(self.anchor), operation, self.sponsor())
        return self.signed(body, self.approve(operation, held))

    def touch(self) -> Transaction:
        return self.spend(Touch(self.state.seq, ORDINARY))

    def approve(self, operation: AnchorOperation, held: Collection[str] = EVERYBODY) -> Approval:
        made = groups(demands(CHAIN, self.vault, operation, self.terms), held)
        if isinstance(operation, Replace) and made[1] and made[2]:
            made = (made[0], (), *made[2:])
        return approval(self.terms, made)

    def complete(self, pending: Outpoint, outputs: Sequence[Output]) -> Transaction:
        return self.signed(build_complete(pending, tuple(outputs), self.sponsor()), NoWitness())

    def veto(self, pending: Outpoint, held: Collection[str] = EVERYBODY) -> Transaction:
        body = build_veto((pending, self.coins[pending]), self.sponsor())
        guard = self.terms.guard.policy
        (items,) = groups(veto_demands(CHAIN, self.vault, Veto(pending), guard), held)
        return self.signed(body, veto_approval(guard, items))

    def consolidate(self, coins: Sequence[OwnedCoin]) -> Transaction:
        return self.signed(build_consolidate(coins, self.sponsor()), NoWitness())

    def signed(self, body: TransactionBody, approved: Approval | NoWitness) -> Transaction:
        """The transaction with a signature for every policy-locked coin it spends."""
        spent = [(outpoint, self.coins[outpoint]) for outpoint in body.inputs]
        witnesses: list[Witness] = []
        for index, (_, coin) in enumerate(spent):
            if not isinstance(coin.lock, PolicyLock):
                continue
            name = "sponsor" if coin.lock == payee("sponsor") else "alice"
            items = fill(key(name), signing_digest(CHAIN, body, index, spent, ALL), [name])
            assert items is not None
            proof = prove_branch([key(name)], 0)
            witnesses.append(Spend(key(name), proof, ALL, items))
        return assemble(body, witnesses, approved)

    # -- the chain's verdict

    def judge(self, tx: Transaction) -> Applied:
        """What the main chain does with a transaction; raises why it refuses."""
        action = tx.body.actions[0]
        operation: Operation = decode_operation(action.kind, action.body)
        approved = tx.witnesses[-1]
        assert isinstance(approved, Approval | NoWitness)
        effects = vault_effects(self, tx, 0, operation, approved, self.height, CHAIN)
        applied = apply_transaction(self, tx, self.height, effects, RULES)
        require(applied.checks)
        return applied

    def submit(self, tx: Transaction) -> Outpoint:
        """Apply a transaction and follow the anchor; the outpoint of its first output."""
        self.apply(self.judge(tx).delta)
        first = Outpoint(tx.id, 0)
        if tx.body.inputs[0] == getattr(self, "anchor", None):
            self.anchor = first
        return first

    def apply(self, delta: Delta) -> None:
        for outpoint, coin in delta.spent.items():
            assert self.coins.pop(outpoint) == coin
        self.coins.update(delta.created)

    def fill_buckets(self) -> None:
        """Wait until every bucket is full."""
        self.height += 5000


def edited(world: World, tx: Transaction, **fields: object) -> Transaction:
    """The same transaction with other fields in its body, signed anew by its sponsors."""
    approved = tx.witnesses[-1]
    assert isinstance(approved, Approval | NoWitness)
    return world.signed(replace(tx.body, **fields), approved)


def approved_by(tx: Transaction, approved: Witness) -> Transaction:
    """The same transaction with another approval of its operation."""
    return replace(tx, witnesses=(*tx.witnesses[:-1], approved))
