import django.contrib.postgres.functions
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0003_trusted_imports"),
    ]

    operations = [
        migrations.CreateModel(
            name="WantedOrder",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("key", models.CharField(help_text="The attribute", max_length=50, unique=True)),
                ("wanted_at", models.DateTimeField(db_default=django.contrib.postgres.functions.TransactionNow())),
            ],
            options={
                "verbose_name": "wanted order",
                "verbose_name_plural": "wanted orders",
                "ordering": ("-wanted_at", "-id"),
            },
        ),
    ]
