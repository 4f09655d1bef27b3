"""How much memory is free."""

import math
import os


def free_memory():
    """Bytes of memory that are free; infinite where the system does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not a POSIX system
        return math.inf
