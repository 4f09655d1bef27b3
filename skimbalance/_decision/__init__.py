"""Objectives, calibration and decision rules behind `skimbalance.decision`."""
