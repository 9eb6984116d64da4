"""The one visual shell: what the admin theme shows around every page."""

from typing import Any

UNFOLD: dict[str, Any] = {
    "SITE_TITLE": "Segments",
    "SITE_HEADER": "Segments",
    "SHOW_HISTORY": True,
    "SHOW_VIEW_ON_SITE": False,
}
