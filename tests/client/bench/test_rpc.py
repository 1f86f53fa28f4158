"""The benchmark of RPC, made small: a daemon answers, and each figure has its floor."""

from __future__ import annotations

import multiprocessing

import pytest
import trio

from bystack.client.bench import rpc
from bystack.client.bench.rpc import Target


@pytest.mark.processes
def test_a_daemon_answers_single_and_batched() -> None:
    measured = rpc.measure(lambda text: None, seconds=0.2, rounds=1)
    single, batched = "single_calls_per_second", "batched_calls_per_second"
    assert measured.figures[single] > 0 and measured.figures[batched] > 0
    assert {f"bare_{single}", f"bare_{batched}", "bare_ms_p50_alone"} <= set(measured.floor)
    assert f"{batched}_to_bare" in measured.ratio


def test_the_load_counts_only_what_was_answered_well() -> None:
    request = b"POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n{}"

    async def main() -> None:
        target = Target("127.0.0.1", 0, request, request)
        with rpc.bare(target) as bare:
            assert bare.port != 0
            found = await rpc.load(bare, request, 2, 0.1)
            assert found.per_second > 0 and len(found.milliseconds) > 2

            async def refusing(stream: trio.SocketStream) -> None:
                await stream.receive_some()
                await stream.send_all(b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n")

            async with trio.open_nursery() as nursery:
                listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
                port = listeners[0].socket.getsockname()[1]
                nursery.start_soon(trio.serve_listeners, refusing, listeners)
                with pytest.raises(BaseExceptionGroup) as caught:
                    await rpc.load(bare._replace(port=port), request, 1, 5.0)
                assert caught.group_contains(rpc.Refused, match="401")
                nursery.cancel_scope.cancel()

    trio.run(main)
    assert multiprocessing.active_children() == []
