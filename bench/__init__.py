"""Tidewire beside its peers, in one run, on one machine. ``README.md`` says how to compare fairly.

Development only: nothing here is installed, and no room of ``src/`` knows it.
"""
