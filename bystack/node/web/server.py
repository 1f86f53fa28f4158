"""Serves the page with hypercorn on trio, under limits of its own.

Left alone hypercorn closes a connection after 1,000 requests and logs to stderr in its own form.
"""

from __future__ import annotations

from urllib.parse import urlsplit

import trio
from hypercorn.config import Config as ServerConfig
from hypercorn.trio import serve as hypercorn_serve

from bystack.node.web.app import Door, Node, Page

MANY = 2**31


def server_config(door: Door) -> ServerConfig:
    """Hypercorn's settings: HTTP/1 only, short time-outs, small headers, TLS when given."""
    config = ServerConfig()
    config.bind = [door.config.listen]
    config.alpn_protocols = ["http/1.1"]
    config.keep_alive_max_requests = MANY
    config.keep_alive_timeout = 60
    config.read_timeout = 60
    config.h11_max_incomplete_size = 16 * 1024
    config.max_app_queue_size = 4
    config.graceful_timeout = 1
    config.include_server_header = False
    config.errorlog = None
    config.accesslog = None
    if door.config.tls_certificate:
        config.certfile = door.config.tls_certificate
        config.keyfile = door.config.tls_key
    return config


async def serve(
    node: Node, door: Door, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
) -> None:
    """Serve until cancelled; `started` with the bound `host:port`."""
    app = Page(node, door).app()
    async with trio.open_nursery() as nursery:
        binds = await nursery.start(hypercorn_serve, app, server_config(door))
        task_status.started(urlsplit(binds[0]).netloc)
