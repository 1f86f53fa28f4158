"""Runs things: processes, disk, sockets, RPC. The only shell around the rules.

structlog draws in rich, for tracebacks in colour that no daemon prints, and asyncio, for loggers
that nobody makes here: seven megabytes and a twentieth of a second for each of a node's processes.
So it is loaded here, without the one, and with the other only once it is used.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import Any, cast

_later = ModuleType("asyncio")
_later.__getattr__ = lambda name: getattr(import_module("asyncio"), name)  # type: ignore[method-assign]
_instead: dict[str, Any] = {"rich": None, "asyncio": _later}  # None makes importing it fail
_put = {name: one for name, one in _instead.items() if name not in sys.modules}
sys.modules.update(cast(dict[str, ModuleType], _put))
import structlog as structlog  # noqa: E402

for _name in _put:
    del sys.modules[_name]
