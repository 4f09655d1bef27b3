"""Fitted estimators as ONNX graphs, which run wherever ONNX Runtime runs."""
