"""Keras networks that return logits, and the layers for tables that they are made of."""

from skimbalance.networks._embeddings import (
    LevelEmbedding,
    ParametricSELU,
    PeriodicEmbedding,
    PiecewiseLinearEmbedding,
    Scale,
)
from skimbalance.networks._mlp import mlp, residual_mlp
from skimbalance.networks._taggers import bilstm_tagger, conv1d_tagger

__all__ = [
    "LevelEmbedding",
    "ParametricSELU",
    "PeriodicEmbedding",
    "PiecewiseLinearEmbedding",
    "Scale",
    "bilstm_tagger",
    "conv1d_tagger",
    "mlp",
    "residual_mlp",
]
