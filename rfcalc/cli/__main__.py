"""`python -m rfcalc.cli`."""

from . import main

main()
