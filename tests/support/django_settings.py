"""The example project's settings, with passwords that are quick to check: a second each before."""

from examples.django_rooms.settings import *  # noqa: F403

PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
