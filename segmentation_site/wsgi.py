"""The web's door to the site."""

import os

from django.core.wsgi import get_wsgi_application

# Read by settings.py: only the web keeps a pool of database connections.
os.environ.setdefault("SEGMENTATION_PROCESS", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmentation_site.settings")

application = get_wsgi_application()
