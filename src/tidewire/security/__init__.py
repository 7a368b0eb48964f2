"""Security: who may come in, as whom, and how much they may ask.

Pure: opens no socket and no file, reads no clock, draws no randomness, starts no
task. Time (``now``) and entropy are passed in; a refusal is raised as one of the
errors of ``tidewire.errors``. Interval-like rules take the monotonic clock,
tokens and tickets the wall's.
"""
