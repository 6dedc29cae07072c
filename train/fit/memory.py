"""Memory that is freed in a step and wanted again in the next."""

from __future__ import annotations

import ctypes
import sys

M_TRIM_THRESHOLD, M_TOP_PAD, M_MMAP_MAX = -1, -2, -4
"""From malloc.h."""


def keep_memory() -> bool:
    """Tells glibc to keep what is freed for the next tensor; whether there was a glibc to tell."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    settings = ((M_MMAP_MAX, 0), (M_TRIM_THRESHOLD, 2**31 - 1), (M_TOP_PAD, 2**26))
    return mallopt is not None and all(mallopt(*setting) for setting in settings)
