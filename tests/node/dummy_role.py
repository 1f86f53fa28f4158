"""A role for tests: answers `rpc` with a few methods, and misbehaves on request."""

from __future__ import annotations

import os
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import trio

from bystack.node import ipc
from bystack.node.processes.role_main import RoleContext, run_role
from bystack.node.rpc import Height, Methods, calling_chain
from bystack.node.store.storage import Store
from bystack.primitives.errors import Invalid


class NoSuchBlock(Invalid):
    """There is no block at that height."""


def block(height: Height) -> str:
    """The block at a height."""
    if height > 9:
        raise NoSuchBlock(height=height)
    return f"block {height}"


def environment() -> dict[str, str]:
    return dict(os.environ)


def touch(path: str) -> str:
    try:
        with open(path, "w") as file:
            file.write("x")
    except OSError as error:
        return type(error).__name__
    return "written"


def eat(megabytes: int) -> str:
    try:
        return str(len(bytearray(megabytes * 1024 * 1024)))
    except MemoryError:
        return "MemoryError"


async def hang() -> None:
    await trio.sleep_forever()


def shout(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def leave(code: int) -> None:
    os._exit(code)


def methods(context: RoleContext, store: Store) -> Methods:
    async def put(key: str) -> None:
        await store.commit({key.encode(): b"1"})

    def lag() -> None:
        context.doubts.append(lambda: True)

    def who() -> list[Any]:
        return [context.role, context.name, os.getpid(), calling_chain()]

    held = Methods()
    for function in (block, environment, touch, eat, hang, shout, leave, put, who, lag):
        held.add(function.__name__, function)
    held.add("shutdown", hang, scope="admin")
    return held


def answers(held: Methods) -> Callable[[str, list[Any]], Awaitable[Any]]:
    async def handler(method: str, params: list[Any]) -> Any:
        match method:
            case "rpc":
                return await held.answer(params)
            case "metrics":
                return {"height": 7, "bad name": 1, "text": "x"}
            case _:
                raise ipc.RemoteError(ipc.METHOD_UNKNOWN, method)

    return handler


async def main(context: RoleContext) -> None:
    with Store.open(f"{context.data}/db", kind=context.role, magic=b"test", version=1) as store:
        async with trio.open_nursery() as nursery:
            handler = answers(methods(context, store))
            await nursery.start(ipc.serve, context.socket, handler)
            context.announce(node="ab")
            nursery.start_soon(context.give_signs, 0.1)


if __name__ == "__main__":
    run_role(sys.argv.pop(1), main)
