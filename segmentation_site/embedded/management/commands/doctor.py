"""`manage.py doctor`: whether everything that the site needs is there, on one page."""

from typing import Any

from django.core.management.base import BaseCommand

from segmentation_site.jobs import wellbeing


class Command(BaseCommand):
    help = "Show whether servers, migrations, queue, workers, disk and settings are well; exit 1 when one is not."
    # They are part of the page.
    requires_system_checks = ()

    def handle(self, *args: Any, **options: Any) -> None:
        found = wellbeing.look()
        width = max(len(part.name) for part in found.parts)
        for part in found.parts:
            self.stdout.write(f"{part.name:<{width}}  {'well    ' if part.is_well else 'NOT WELL'}  {part.detail}")
            if part.remedy:
                self.stdout.write(f"{'':<{width}}            {part.remedy}")
        for job in found.failures:
            self.stdout.write(f"\nFailed on {job.finished_at:%Y-%m-%d %H:%M} UTC: {job}\n  {job.error_detail}")
        versions = (f"{name} {number}" for name, number in found.versions.items())
        self.stdout.write(f"\n{', '.join(versions)}\n")
        self.stdout.write("All is well." if found.is_well else "Something needs attention.")
        if not found.is_well:
            raise SystemExit(1)
