"""``python -m examples.django_rooms.manage migrate``, and Django's other commands."""

from __future__ import annotations

import os
import sys

from django.core.management import execute_from_command_line

if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "examples.django_rooms.settings")
    execute_from_command_line(sys.argv)
