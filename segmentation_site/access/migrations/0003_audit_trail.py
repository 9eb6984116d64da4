"""The audit trail, with the trigger that keeps it as it was written."""

from django.db import migrations, models
from django.db.models.functions import Now

# Entries may only go when they are older than the shortest time for which they can be kept, and only by whoever says
# in the same transaction that it is for the retention.
TRIGGER = """
CREATE FUNCTION access_auditentry_is_kept() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND current_setting('audit.retention', true) = 'on'
        AND OLD.at < now() - interval '30 days' THEN
        RETURN OLD;
    END IF;
    RAISE EXCEPTION 'the audit trail is only appended to' USING ERRCODE = 'insufficient_privilege';
END $$;
CREATE TRIGGER access_auditentry_is_kept BEFORE UPDATE OR DELETE ON access_auditentry
    FOR EACH ROW EXECUTE FUNCTION access_auditentry_is_kept();
"""
WITHOUT = """
DROP TRIGGER IF EXISTS access_auditentry_is_kept ON access_auditentry;
DROP FUNCTION IF EXISTS access_auditentry_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [("access", "0002_roles")]

    operations = [
        migrations.CreateModel(
            name="AuditEntry",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("at", models.DateTimeField(db_default=Now(), db_index=True, editable=False)),
                ("action", models.CharField(max_length=40, verbose_name="action")),
                ("subject", models.CharField(blank=True, max_length=200, verbose_name="subject")),
                ("detail", models.JSONField(blank=True, default=dict, verbose_name="detail")),
                ("actor", models.CharField(blank=True, max_length=150, verbose_name="person")),
                ("actor_id", models.BigIntegerField(null=True)),
                ("key_id", models.CharField(blank=True, max_length=40, verbose_name="API key")),
                ("address", models.GenericIPAddressField(null=True, verbose_name="address")),
                ("request_id", models.CharField(blank=True, max_length=64)),
            ],
            options={
                "verbose_name": "audit entry",
                "verbose_name_plural": "audit trail",
                "ordering": ("-id",),
            },
        ),
        migrations.RunSQL(TRIGGER, WITHOUT),
    ]
