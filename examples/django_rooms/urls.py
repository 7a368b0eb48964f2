from __future__ import annotations

from django.urls import path

from examples.django_rooms.rooms import views

urlpatterns = [
    path("", views.home),
    path("login", views.log_in),
    path("logout", views.log_out),
    path("rooms/<slug:slug>", views.room),
    path("rooms/<slug:slug>/messages", views.say),
]
