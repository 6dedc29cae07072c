"""`python -m rfcalc`."""

from .cli import main

main()
