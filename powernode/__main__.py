"""`python -m powernode` is the `powernode` command."""

from powernode.cli import main

main()
