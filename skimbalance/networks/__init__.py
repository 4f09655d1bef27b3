"""Keras networks that return logits."""

from skimbalance.networks._mlp import mlp, residual_mlp
from skimbalance.networks._taggers import bilstm_tagger, conv1d_tagger

__all__ = ["bilstm_tagger", "conv1d_tagger", "mlp", "residual_mlp"]
