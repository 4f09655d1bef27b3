"""Displays, one module each; the public names are in `skimbalance.plots`."""
