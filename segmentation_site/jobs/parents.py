"""Processes that must not outlive the one that made them."""

import ctypes
import os
import signal
import sys

SET_PARENT_DEATH_SIGNAL = 1


def die_with_parent(parent: int | None = None) -> None:
    """Have the system kill this process when the one that made it dies, where the system can; at once if `parent`, its
    process id, is dead already.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if parent is not None and os.getppid() != parent:
        os._exit(1)
