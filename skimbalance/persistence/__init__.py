"""Model files that are safe to open: no pickle, only known types, written whole or not at all."""

from skimbalance.persistence._files import (
    _Pairs as _Pairs,  # files of format 2 name it here
)
from skimbalance.persistence._files import load_model, model_info, save_model

__all__ = ["load_model", "model_info", "save_model"]
