"""One file per exec'd process: this listing is the process list."""

import sys
from types import ModuleType
from typing import cast

if sys.argv[0] == "-m":
    # structlog draws in rich, for coloured tracebacks, wherever it is installed; a process that
    # writes to a file has no use for it, and it is a third of the time to start one.
    sys.modules.setdefault("rich", cast(ModuleType, None))
