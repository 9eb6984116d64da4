"""What stands in the way of Spark on a machine. Light: it looks for things, and loads none of them."""

import os
import shutil
from importlib.util import find_spec

from segments.kmeans.wording import gettext_noop

LIBRARIES = ("pyspark", "pyarrow")
UNSET = gettext_noop(
    "No Spark is set: SPARK_MASTER is empty. Set it for the web and the workers, for example to spark://host:7077, or "
    "choose another engine."
)
LACKING = gettext_noop(
    "This machine's Python lacks {libraries}. Install what Spark needs where workers run: "
    "pip install --require-hashes -r requirements-spark.txt."
)
NO_JAVA = gettext_noop(
    "This machine has no Java: neither JAVA_HOME nor PATH leads to one. Install Java 17 or newer where workers run "
    "(Debian, Ubuntu: apt install openjdk-17-jre-headless)."
)


def obstacle(master: str) -> str:
    """Why this machine cannot begin a session on that Spark, and what to do; nothing when nothing is known to."""
    if not master:
        return UNSET
    missing = [name for name in LIBRARIES if find_spec(name) is None]
    if missing:
        return LACKING.format(libraries=", ".join(missing))
    if java() is None:
        return NO_JAVA
    return ""


def java() -> str | None:
    """The Java that Spark would use."""
    home = os.environ.get("JAVA_HOME")
    return shutil.which("java", path=f"{home}/bin" if home else None)
