"""Django and Tidewire on one port: ``tidewire serve examples.django_rooms.asgi:live``.

Or on any other ASGI server, as ``examples.django_rooms.asgi:application``.
"""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django_rooms.settings")
web = get_asgi_application()  # before the models are imported

import tidewire  # noqa: E402
import tidewire.django  # noqa: E402
from examples.django_rooms.rooms.models import Room  # noqa: E402

live = tidewire.App()
tidewire.django.install(live)
live.mount(web)

live.channel("room:{slug}", history=100, publish="nobody")


@live.may_subscribe("room:{slug}")
def is_member(client: tidewire.Client, slug: str) -> bool:
    """Asked once for each subscription. The ORM works here: it runs in a thread."""
    return Room.objects.filter(slug=slug, members=client.user.id).exists()


application = live.asgi()
