"""A minute and a half in which nothing is spared."""

import random
import sys

from tests.chaos.storm import Storm
from tests.chaos.trial import Trial

SECONDS = 90


def test_a_storm_over_thirty_jobs_loses_none_and_doubles_none(trial: Trial) -> None:
    seed = random.SystemRandom().randrange(2**31)
    sys.stdout.write(f"The seed of this storm is {seed}.\n")
    storm = Storm(trial, seed)
    storm.begin()
    storm.rage(SECONDS)
    storm.calm_down()
    storm.check()
    storm.check_processes()
    sys.stdout.write(f"{storm.summary}\n")
