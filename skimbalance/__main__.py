"""The command line as ``python -m skimbalance``."""

import sys

from skimbalance._cli import main

if __name__ == "__main__":
    sys.exit(main())
