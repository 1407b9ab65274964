"""One examination in a process of its own; what it takes and prints is told in `examining`."""

import sys

from core.server.examination.examining import main

main(sys.argv[1:])
