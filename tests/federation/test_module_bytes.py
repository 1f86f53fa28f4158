"""The bytes of what members say on their sidechain, and of the federation's genesis there."""

import pytest

from bystack.federation.module import (
    FederationConfig,
    MemberApproval,
    ModuleMember,
    Pause,
    RefundRequests,
    Resume,
)
from bystack.primitives.codec import Wire
from tests.wire import check_wire

MEMBERS = (ModuleMember("alpha", 2, b"\x01" * 32), ModuleMember("gamma", 1, b"\x02" * 32))

SAMPLES: dict[str, Wire] = {
    "federation_module_config": FederationConfig(b"\x03" * 32, 2, MEMBERS),
    "federation_module_pause": Pause(5, 3, "a fork of the main chain"),
    "federation_module_resume": Resume(6),
    "federation_module_refund_requests": RefundRequests(7, (b"\x04" * 32, b"\x05" * 32)),
    "federation_module_member_approval": MemberApproval(1, b"\x06" * 64),
}


@pytest.mark.parametrize("name", sorted(SAMPLES))
def test_golden_bytes_and_no_others(name: str) -> None:
    check_wire(name, SAMPLES[name])
