"""The web's door to the site."""

import gc
import os

from django.core.wsgi import get_wsgi_application
from django.urls import get_resolver

# Read by settings.py: only the web keeps a pool of database connections.
os.environ.setdefault("SEGMENTATION_PROCESS", "web")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "segmentation_site.settings")

application = get_wsgi_application()

# The server forks its processes from here on. What all of them need is loaded before, pages and API included, and left
# alone by the garbage collector, whose marks would copy every shared page of memory.
_ = get_resolver().url_patterns
gc.collect()
gc.freeze()
