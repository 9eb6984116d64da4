"""`./run bench chaos --minutes N --seed S`: a long storm over a whole site, and what became of its jobs."""

import random
import shutil
import tempfile
import time
from pathlib import Path

from tests.chaos.storm import Storm
from tests.chaos.trial import QUICK, Trial
from tests.embedded.processes import Site, free_port


def storm(minutes: float, seed: int | None) -> int:
    """Exit code 0 when no job was lost, none had its effect twice, and nothing was left over."""
    seed = random.SystemRandom().randrange(2**31) if seed is None else seed
    outside = Path(tempfile.mkdtemp(prefix="seg-storm-"))
    site = Site(outside / "data", free_port(), dict(QUICK))
    print(f"A storm of {minutes:g} minutes with seed {seed} over {site.url} ...", flush=True)
    began = time.monotonic()
    try:
        one = Storm(Trial(site).begin(), seed)
        one.begin()
        one.rage(60 * minutes, jobs=int(20 * minutes))
        one.calm_down()
        one.check()
        one.check_processes()
        print(f"{one.summary}\nNothing was lost, doubled or left over, in {time.monotonic() - began:.0f} s.")
    finally:
        site.end()
        shutil.rmtree(outside, ignore_errors=True)
    return 0
