"""Hand the command line's words to the application."""

import sys

from partrm_viewer.cli import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
