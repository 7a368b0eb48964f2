"""Ordinary Django views. What they publish goes out when their transaction commits."""

from __future__ import annotations

from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.decorators import login_required
from django.db import transaction
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.csrf import ensure_csrf_cookie
from django.views.decorators.http import require_POST

from examples.django_rooms.rooms.models import Message, Room
from tidewire.django import publish


@ensure_csrf_cookie
def home(request: HttpRequest) -> JsonResponse:
    """Who is logged in; and the cookie that every form wants back."""
    return JsonResponse({"user": request.user.get_username()})


@require_POST
def log_in(request: HttpRequest) -> HttpResponse:
    user = authenticate(request, username=request.POST["name"], password=request.POST["password"])
    if user is None:
        return HttpResponse("wrong name or password", status=403)
    login(request, user)
    return HttpResponse(status=204)


@require_POST
def log_out(request: HttpRequest) -> HttpResponse:
    """Ends the session, and with it every connection that was opened with it."""
    logout(request)
    return HttpResponse(status=204)


@login_required
def room(request: HttpRequest, slug: str) -> JsonResponse:
    """What was said so far: a page shows it, then subscribes to ``room:<slug>``."""
    here = get_object_or_404(Room, slug=slug, members=request.user)
    said = here.message_set.order_by("pk").values("author__username", "text")
    return JsonResponse({"room": here.slug, "messages": list(said)})


@login_required
@require_POST
@transaction.atomic
def say(request: HttpRequest, slug: str) -> JsonResponse:
    """Saves a message and shows it to everybody in the room: both, or neither."""
    here = get_object_or_404(Room, slug=slug, members=request.user)
    message = Message.objects.create(room=here, author=request.user, text=request.POST["text"])
    publish(f"room:{slug}", {"id": message.pk, "text": message.text}, user_id=str(request.user.pk))
    return JsonResponse({"id": message.pk}, status=201)
