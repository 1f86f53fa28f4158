"""The ports of a devnet's nodes: free, neighbours, and none that a kernel gives out by itself."""

import socket

import pytest

from bystack.client.devnet import layout


def test_ports_are_neighbours_below_those_of_outgoing_connections() -> None:
    ports = layout.free_ports(30)
    assert ports == list(range(ports[0], ports[0] + 30))
    assert ports[0] >= layout.LOWEST and ports[-1] < layout.HIGHEST


def test_a_port_that_is_taken_is_not_given(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        port, after = layout.free_ports(2)
        taken.bind(("127.0.0.1", port))
        monkeypatch.setattr(layout, "LOWEST", port)
        monkeypatch.setattr(layout, "HIGHEST", port + 2)
        with pytest.raises(OSError, match="no 1 neighbouring free ports"):
            monkeypatch.setattr(layout.secrets, "randbelow", lambda _: 0)
            layout.free_ports(1)
        draws = iter((0, 1))
        monkeypatch.setattr(layout.secrets, "randbelow", lambda _: next(draws))
        assert layout.free_ports(1) == [after]
