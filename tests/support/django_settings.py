"""The example project's settings with passwords that are quick to check: a second each otherwise."""

from examples.django_rooms.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
