"""`python -m rasti` is `rasti`."""

from rasti.cli.main import main

main()
