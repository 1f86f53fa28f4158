"""What is lost is asked for and said again, round a gateway if need be, without a view change.

F1: without a certificate d_fb after voting, the vote goes to the leader and the next gateway, again
every d_fb; a COMMIT with the prepare certificate it stands on. F2: a leader without a prepare
certificate d_fb after proposing sends the proposal to those it has no vote from. F3: without a
proposal d_fb after it was due, it is pulled from the next gateway or the leader (bbft.md, section
6; F4 is in `carriers`).
"""

from __future__ import annotations

from bystack.sidechain.consensus import rounds
from bystack.sidechain.consensus.carriers import PROPOSAL, SUMS, note
from bystack.sidechain.consensus.certificates import signers
from bystack.sidechain.consensus.events import SetTimer, Sync, Timer, TimerKind
from bystack.sidechain.consensus.machine import Machine
from bystack.sidechain.consensus.messages import GetBlock, GetProposal
from bystack.sidechain.consensus.statements import COMMIT, PREPARE, Vote
from bystack.sidechain.consensus.topology import Topology


def arm(m: Machine, at: int) -> None:
    """Look again at `at` whether anything is missing."""
    m.at.retry_at = at
    m.emit(SetTimer(Timer(TimerKind.RETRY, m.round.height, m.round.view), at))


def wait(m: Machine) -> None:
    """We did our part: others have d_fb for theirs."""
    m.at.retries = 0
    arm(m, m.now + m.pace.fallback(m.config))


def retry(m: Machine) -> None:
    """The retry timer of the current view; an earlier setting of it does not count."""
    if m.now < m.at.retry_at:
        return
    m.at.retries += 1
    arm(m, m.now + min(m.pace.fallback(m.config) << min(m.at.retries - 1, 4), m.config.tau0))
    _ask_those_ahead(m)
    if m.at.retries > 1:
        _ask_signer_again(m)
    if m.at.wanted:
        fetch(m)
    elif not m.at.deciding:
        _go_round(m)


def _ask_those_ahead(m: Machine) -> None:
    """Who showed us we are behind may have vanished: a quorum has the block, so ask them all."""
    if m.behind >= m.round.height:
        voters = [v.node for i, v in enumerate(m.validators.validators) if i != m.me]
        nodes = [m.ahead_node, *voters]
    else:
        nodes = sorted({key[0] for key in m.later})
    if nodes:
        sync(m, nodes[m.at.retries % len(nodes)])


def sync(m: Machine, node: bytes) -> None:
    """Have a node that is ahead asked for blocks, now and then."""
    if m.allowed(node, "sync"):
        m.emit(Sync(m.round.height, node))


def _ask_signer_again(m: Machine) -> None:
    """For the last we asked for. What came before it is answered by now, or was lost: signed after
    it, it would be a step back, which the signer refuses.
    """
    for asked, _ in [one for place, one in m.at.pending.items() if place == m.at.latest]:
        if asked.position.view == m.round.view:
            m.emit(asked)


def missing(m: Machine, block: bytes) -> None:
    """Fetch a block we need at once, unless we are at it."""
    if m.at.wanted != block:
        m.at.wanted = block
        fetch(m)


def decided_unseen(m: Machine, block: bytes) -> None:
    """A block was decided that we do not have: it may be on its way to a validator, so ask for it
    in a while; nobody sends it to a follower by itself.
    """
    if m.at.wanted == block:
        return
    m.at.wanted = block
    wait(m)
    if m.me is None:
        m.emit(Sync(m.round.height, m.ahead_node))


def fetch(m: Machine) -> None:
    """Ask one of the signers of its certificate after another for the wanted block."""
    known = [*m.at.deciding, *m.round.high_qc]
    for certificate in [c for c in known if c.block == m.at.wanted][:1]:
        holders = [i for i in signers(certificate, m.validators) if i != m.me]
        if holders:
            index = holders[m.at.retries % len(holders)]
            m.send(index, GetBlock(m.round.height, m.at.wanted))
            if m.at.deciding and m.at.retries > 1:
                sync(m, m.validators.validators[index].node)


def _go_round(m: Machine) -> None:
    view = m.round.view
    if m.me is None:  # nobody owes a follower anything: it asks one after another
        voters = m.validators.validators
        sync(m, voters[m.at.retries % len(voters)].node)
    elif m.leads(view):
        _lead_again(m, view)
    elif view not in m.at.proposals:
        _pull(m, view)
    else:
        for vote in m.at.last_vote:
            if vote.view == view and (vote.kind, view) not in m.at.certificates:
                _vote_again(m, vote)


def _vote_again(m: Machine, vote: Vote) -> None:
    """F1."""
    paths, leader = m.paths(vote.view), m.leader(vote.view)
    note(m, paths.above.get(vote.index), vote.kind)
    around = paths.next_gateway(vote.index, m.at.retries)
    for index in dict.fromkeys((leader, around)):
        if index != m.me:
            _show_prepared(m, index, vote, paths)
            m.send(index, vote)


def _show_prepared(m: Machine, index: int, vote: Vote, paths: Topology) -> None:
    """Who lacks our COMMIT may lack what it is based on, if a gateway kept that from the others;
    else their groups would wait for it, and blame them. A star's leader has made it.
    """
    prepared = m.at.certificates.get((PREPARE, vote.view))
    if vote.kind == COMMIT and prepared is not None and not paths.star:
        m.send(index, prepared)


def _pull(m: Machine, view: int) -> None:
    """F3: from the next gateway, the leader, and in the end from anybody."""
    m.at.asked = view
    if m.me is None:
        return
    paths, leader, size = m.paths(view), m.leader(view), len(m.validators)
    note(m, paths.above.get(m.me), PROPOSAL)
    others = [(leader + step) % size for step in range(size)]
    near = [paths.next_gateway(m.me, 1), leader, paths.next_gateway(m.me, 2)]
    order = others if paths.star else list(dict.fromkeys((*near, *others)))
    index = order[(m.at.retries - 1) % len(order)]
    m.send(index if index != m.me else leader, GetProposal(m.round.height, view))


def _lead_again(m: Machine, view: int) -> None:
    """To those who have not voted, the certificate to commit to; or F2, the proposal once more."""
    proposal = m.at.proposals.get(view)
    if proposal is None or not rounds.active(m.round, view):
        return
    others = {i for i in range(len(m.validators)) if i != m.me}
    prepared = m.at.certificates.get((PREPARE, view))
    if prepared is not None:
        for index in sorted(others - m.tally(COMMIT, view).voters):
            m.send(index, prepared)
    elif m.at.resent < view and _overdue(m, view):
        m.at.resent = view
        for index in sorted(others - m.tally(PREPARE, view).voters):
            m.send(index, proposal)


def _overdue(m: Machine, view: int) -> bool:
    """Whether the proposal got lost. Where one gateway speaks and another does not, that is soon
    clear; where nobody speaks, executing the block may simply take long.
    """
    paths, tally = m.paths(view), m.tally(PREPARE, view)
    silent = [g for g in paths.gateways if g != m.me and g not in tally.sources]
    some = not paths.star and len(silent) < len(paths.gateways)
    if not some and m.now < m.at.proposed_at + m.config.fallback:
        return False
    for gateway in silent:
        note(m, gateway, SUMS)
    return True
