"""Keys of authenticators are sealed, and recovery codes hashed: a dump lets nobody past a second factor."""

from binascii import unhexlify
from typing import Any

from django.apps.registry import Apps
from django.db import migrations

from segmentation_site.access import second_factor
from segmentation_site.access.models import Authenticator


def seal(apps: Apps, schema_editor: Any) -> None:
    for device in apps.get_model("otp_totp", "TOTPDevice").objects.all():
        device.key = Authenticator.sealed(unhexlify(device.key.encode()), device.user_id)
        device.save(update_fields=["key"])
    for code in apps.get_model("otp_static", "StaticToken").objects.select_related("device"):
        code.token = second_factor.digests(code.device.user_id, code.token)[0]
        code.save(update_fields=["token"])


class Migration(migrations.Migration):
    dependencies = [
        ("access", "0003_audit_trail"),
        ("otp_static", "0003_add_timestamps"),
        ("otp_totp", "0003_add_timestamps"),
    ]

    operations = [
        migrations.CreateModel(
            name="Authenticator",
            fields=[],
            options={
                "verbose_name": "authenticator app",
                "verbose_name_plural": "authenticator apps",
                "proxy": True,
                "indexes": [],
                "constraints": [],
            },
            bases=("otp_totp.totpdevice",),
        ),
        migrations.RunPython(seal),
    ]
