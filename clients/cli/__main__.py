"""`python -m clients.cli`: the program without its installed script."""

from clients.cli import main

main()
