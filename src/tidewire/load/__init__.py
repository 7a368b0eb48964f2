"""Load: many clients of one server at once, in several processes, and how long things took.

``histogram``, ``plan`` and ``tally`` are pure; ``members`` are the clients, ``worker`` one
process of them, ``conductor`` starts the processes and adds up what they counted. Knows
a server only by what is said on the wire.
"""
