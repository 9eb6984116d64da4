"""An S3 on this machine, to keep files in."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch
from urllib.parse import urlsplit

import boto3  # type: ignore[import-untyped]
from moto.server import ThreadedMotoServer

# Nobody is let in by these anywhere.
KEYS = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "nobody-knows", "AWS_DEFAULT_REGION": "eu-central-1"}


@contextmanager
def object_storage() -> Iterator[str]:
    """The STORAGE_URL of an empty bucket; who may write there is in the environment in the block."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    # What such a server holds outlives it.
    name = f"segments-{secrets.token_hex(4)}"
    bucket = {"Bucket": name, "CreateBucketConfiguration": {"LocationConstraint": KEYS["AWS_DEFAULT_REGION"]}}
    try:
        with patch.dict(os.environ, KEYS):
            boto3.client("s3", endpoint_url=endpoint).create_bucket(**bucket)
            yield f"s3://{name}/site/files?endpoint={endpoint}"
    finally:
        server.stop()


def names_in(storage_url: str) -> set[str]:
    """What is in the bucket."""
    parts = urlsplit(storage_url)
    client = boto3.client("s3", endpoint_url=parts.query.removeprefix("endpoint="))
    return {one["Key"] for one in client.list_objects_v2(Bucket=parts.netloc).get("Contents", [])}
