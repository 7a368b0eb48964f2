"""The configuration of servers that are broken while the history checker watches."""

from __future__ import annotations

from tests.support.tokens import SECRET

CONFIG = f"""
[auth]
secrets = ["{SECRET}"]

[[channels]]
pattern = "room:{{name}}"
history_size = 10000

[limits]
publications_per_s = 10000
publications_burst = 10000
user_publications_per_s = 10000
user_publications_burst = 10000
frames_per_s = 10000
frames_burst = 10000
"""

ON_DISK = """
[engine]
url = "sqlite:///history.db"
"""
