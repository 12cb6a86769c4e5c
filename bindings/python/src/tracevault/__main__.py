"""``python -m tracevault``: the command ``tracevault``, also where no script of it is installed."""

import sys

from .cli import main

sys.exit(main())
