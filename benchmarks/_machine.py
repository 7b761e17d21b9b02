"""What a benchmark's figures were measured on; the other scripts here import it."""

from __future__ import annotations

import os
import platform
from pathlib import Path
from typing import Any


def machine(**more: Any) -> dict[str, Any]:
    """The processor, its load before the run (-1 where the system does not tell), system and Python; and what `more` says."""
    name = platform.processor() or platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), name)
    except OSError:
        pass  # not Linux
    load = round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else -1.0
    return {
        "cpu": name,
        "cores": os.cpu_count() or 1,
        "load_before": load,
        "system": platform.platform(),
        "python": platform.python_version(),
        **more,
    }
