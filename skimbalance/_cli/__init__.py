"""The command line: one parser, a module for each command, errors in one sentence."""

from skimbalance._cli.parser import main

__all__ = ["main"]
