"""A site that somebody has to themselves, in a temporary data folder, as long as they look at it."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from special_states import Site

ROOT = Path(__file__).resolve().parent.parent
SEGMENTATION = "Income and spending"


@contextlib.contextmanager
def own_site(command: str, port: int) -> Iterator[Site]:
    """A site of its own, by `demo` or by `up`."""
    with tempfile.TemporaryDirectory(prefix="seg-pictures-") as folder:
        environment = os.environ | {"DATA_DIR": folder}
        if command == "demo":
            # Nobody computes there: there is a choice to be seen of where to compute.
            environment["SPARK_MASTER"] = "spark://spark.example:7077"
        process = subprocess.Popen(
            [sys.executable, "manage.py", command, "--port", str(port)],
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        try:
            told = ""
            for line in process.stdout or ():
                told += line
                if "Ctrl-C" in line:
                    break
            address, password = re.search(r"at +(http\S+)", told), re.search(r"password +(\S+)", told)
            if not address or not password:
                raise SystemExit(f"The site did not start:\n{told}")
            if command == "demo":
                # A draft beside what is in use, so that there is something to compare.
                draft = ["--name", SEGMENTATION, "--features", "annual_income,spending_score", "--k", "4"]
                subprocess.run([sys.executable, "manage.py", "segment", *draft], cwd=ROOT, env=environment, check=True)
            yield Site(address[1].rstrip("/"), password[1], environment)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(60)
