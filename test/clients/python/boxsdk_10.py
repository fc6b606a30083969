"""The checks of box-node-sdk 10 with boxsdk 10, the generated Python SDK."""

import checks_10_chunked  # noqa: F401
import checks_10_files  # noqa: F401
import checks_10_refusals  # noqa: F401
from lab import run_checks

run_checks()
