"""``python -m tidewire`` is ``tidewire``."""

import sys

from tidewire.cli import main

if __name__ == "__main__":
    sys.exit(main())
