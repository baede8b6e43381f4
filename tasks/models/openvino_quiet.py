"""openvino and openvino_genai, imported without the module that reports usage over the network."""

import sys
from typing import Any

# A None entry makes `import openvino_telemetry` fail, which openvino takes as "not installed".
_quiet: dict[str, Any] = sys.modules
_quiet["openvino_telemetry"] = None

import openvino  # noqa: E402
import openvino_genai  # noqa: E402

__all__ = ["openvino", "openvino_genai"]
