"""Decides what `make up` and its fellows do with a site in containers.

Facts come in as values: what the compose files want, what the engine has, who is primary. Nothing
here runs a command, opens a file or reads a clock.
"""
