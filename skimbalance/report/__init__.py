"""A classifier judged class by class, in figures and in words."""

from skimbalance.report._report import ImbalanceReport

__all__ = ["ImbalanceReport"]
