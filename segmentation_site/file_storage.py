"""Where files are kept that people bring or fetch: a folder, or object storage that several machines share."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

# Of a file from object storage, what is kept in memory while it is read; the rest waits on the disk.
MOST_IN_MEMORY = 16 * 1024 * 1024
# Of an S3 that is not Amazon's.
_CHOICES = {"endpoint": "endpoint_url", "region": "region_name"}


def storage(url: str) -> dict[str, Any]:
    """Django's description of the storage that a STORAGE_URL names. Raises ImproperlyConfigured.

    url  `file:///folder`, or `s3://bucket/prefix?endpoint=https://…&region=…`; who may write there is told by the
         environment, as Amazon's own tools read it
    """
    parts = urlsplit(url)
    if parts.scheme == "file" and not parts.netloc and parts.path not in ("", "/"):
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": Path(unquote(parts.path)),
                "file_permissions_mode": 0o600,
                "directory_permissions_mode": 0o700,
            },
        }
    choices = parse_qs(parts.query)
    if parts.scheme != "s3" or not parts.netloc or set(choices) - set(_CHOICES):
        raise ImproperlyConfigured(
            f"STORAGE_URL is neither file:///folder nor s3://bucket/prefix: {url!r}. "
            f"After a question mark s3 takes {' and '.join(_CHOICES)}."
        )
    if find_spec("storages") is None:
        raise ImproperlyConfigured(
            "STORAGE_URL names object storage, and django-storages is not installed. "
            "Install it: .venv/bin/pip install --require-hashes -r requirements-more.txt"
        )
    return {
        "BACKEND": "storages.backends.s3.S3Storage",
        "OPTIONS": {
            "bucket_name": parts.netloc,
            "location": unquote(parts.path).strip("/"),
            "default_acl": None,
            "file_overwrite": False,
            "max_memory_size": MOST_IN_MEMORY,
            **{_CHOICES[name]: values[-1] for name, values in choices.items()},
        },
    }


@contextmanager
def written_to(name: str, aside: Path) -> Iterator[Path]:
    """A path at which a file of the storage can be written: its own in a folder, else one in `aside`.

    At the end of the block what stands there is in the storage under `name`. When the block fails nothing is.
    """
    from django.core.files import File
    from django.core.files.storage import default_storage

    try:
        path = Path(default_storage.path(name))
    except NotImplementedError:
        aside.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=aside) as folder:
            path = Path(folder) / Path(name).name
            yield path
            with path.open("rb") as file:
                default_storage.save(name, File(file))
        return
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        yield path
    except BaseException:
        path.unlink(missing_ok=True)
        raise
