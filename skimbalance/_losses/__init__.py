"""Losses for imbalance; the public names are in `skimbalance.losses`."""
