"""The training engine: compiled epochs over arrays. It knows nothing of estimators."""
