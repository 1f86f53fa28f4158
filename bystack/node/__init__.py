"""Runs things: processes, disk, sockets, RPC. The only shell around the rules.

structlog draws in rich, for tracebacks in colour that no daemon prints: five megabytes and a
twentieth of a second for each of a node's processes. So it is loaded here, without it.
"""

import sys

_absent = "rich" not in sys.modules
if _absent:
    sys.modules["rich"] = None  # type: ignore[assignment]  # what makes importing it fail
import structlog as structlog  # noqa: E402

if _absent:
    del sys.modules["rich"]
