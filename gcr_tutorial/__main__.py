"""`python -m gcr_tutorial COMMAND`: see `gcr_tutorial.cli`."""

import sys

from gcr_tutorial.cli import main

if __name__ == "__main__":
    sys.exit(main())
