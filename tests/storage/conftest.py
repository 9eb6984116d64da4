"""An object storage to keep files in: an S3 on this machine."""

from collections.abc import Iterator

import boto3  # type: ignore[import-untyped]
import pytest
from moto.server import ThreadedMotoServer

BUCKET = "segments-files"
# Nobody is let in by these anywhere.
KEYS = {"AWS_ACCESS_KEY_ID": "somebody", "AWS_SECRET_ACCESS_KEY": "nobody-knows", "AWS_DEFAULT_REGION": "eu-central-1"}


@pytest.fixture
def storage_url(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The STORAGE_URL of an empty bucket."""
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    bucket = {"Bucket": BUCKET, "CreateBucketConfiguration": {"LocationConstraint": KEYS["AWS_DEFAULT_REGION"]}}
    boto3.client("s3", endpoint_url=endpoint).create_bucket(**bucket)
    yield f"s3://{BUCKET}/site/files?endpoint={endpoint}"
    server.stop()


def names_in(storage_url: str) -> set[str]:
    """What is in the bucket."""
    client = boto3.client("s3", endpoint_url=storage_url.partition("endpoint=")[2])
    return {one["Key"] for one in client.list_objects_v2(Bucket=BUCKET).get("Contents", [])}
