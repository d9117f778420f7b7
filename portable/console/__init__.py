"""The console of `portable dev`: what was recorded, in a database of its own, behind an API that pages and tools share.

Nothing here runs in a deployed function, and nothing here knows how the local runtime works: what it asks of it goes
through the Protocol of backend.py.
"""

COOKIES = "portable_console_"
"""What the names of consoles' cookies begin with. Cookies know no ports: a browser sends them to the app as well, where
they are nobody's business."""
