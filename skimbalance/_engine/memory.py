"""How much memory is free."""

import importlib
import math
import os
from pathlib import Path


def free_memory():
    """Bytes of memory that are free; infinite where the system does not say."""
    try:
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):  # not a POSIX system
        return math.inf


def address_space_left():
    """Bytes of address space that this process may still take; infinite without a limit."""
    try:
        resource = importlib.import_module("resource")  # not on Windows
        most, _ = resource.getrlimit(resource.RLIMIT_AS)
        if most == resource.RLIM_INFINITY:
            return math.inf
        pages = int(Path("/proc/self/statm").read_bytes().split()[0])
    except (ImportError, OSError):
        return math.inf
    return most - pages * resource.getpagesize()


def maps_left():
    """Number of memory maps that Linux still allows this process; infinite on other systems."""
    try:
        most = int(Path("/proc/sys/vm/max_map_count").read_bytes())
        return most - Path("/proc/self/maps").read_bytes().count(b"\n")
    except OSError:
        return math.inf
