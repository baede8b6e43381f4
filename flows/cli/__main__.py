"""`python -m flows.cli`: the command `polyrec`."""

from flows.cli.app import main

main()
