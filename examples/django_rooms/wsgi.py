"""Django alone, under any WSGI server; what it publishes reaches Tidewire over HTTP."""

from __future__ import annotations

import os

from django.core.wsgi import get_wsgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django_rooms.settings")
application = get_wsgi_application()
