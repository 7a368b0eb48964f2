"""The outbox: publications that are saved with the data they tell of, and sent after it.

A row is written in the view's own transaction, so it exists exactly where the data
does. A relay sends rows in order and deletes what is acknowledged; its retries
carry the row's id as ``once`` key, so that each is published once.
"""

from __future__ import annotations

from django.db import models


class OutboxEntry(models.Model):
    """One publication that is not known to be published yet."""

    id = models.BigAutoField(primary_key=True)
    channel = models.CharField(max_length=255)
    data = models.TextField(help_text="JSON")
    key = models.CharField(max_length=255, null=True)  # absent is not empty here
    user_id = models.CharField(max_length=128, default="")
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "tidewire_outbox"
        ordering = ("id",)

    def __str__(self) -> str:
        return f"{self.pk} for {self.channel}"
