"""What scores are computed with; the public functions are in `skimbalance.metrics`."""
