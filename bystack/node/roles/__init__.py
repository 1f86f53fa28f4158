"""One file per exec'd process: this listing is the process list."""

import gc
import sys
from types import ModuleType
from typing import cast

if sys.argv[0] == "-m":
    # structlog draws in rich, for coloured tracebacks, wherever it is installed; a process that
    # writes to a file has no use for it, and it is a third of the time to start one.
    sys.modules.setdefault("rich", cast(ModuleType, None))
    # What is imported stays: looking for cycles in it is a tenth of the time to start. Switched on
    # again when all is there (`processes.garbage`).
    gc.disable()
