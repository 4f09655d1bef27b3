"""Rows that come in blocks, and may be more than memory holds."""
