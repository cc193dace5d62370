"""``python -m paradime`` is the command ``paradime``."""

import sys

from paradime.cli import main

if __name__ == "__main__":
    sys.exit(main())
