"""Losses for imbalanced data; the public names are in `skimbalance.losses`."""
