"""The HTTP API for backends: its vocabulary, and the Python client that speaks it.

What a server does with a call is ``tidewire.http``'s. Knows messages and errors
and nothing of a server, so that a backend imports only this.
"""
