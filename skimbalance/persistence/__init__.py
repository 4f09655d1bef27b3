"""Model files that are safe to open: no pickle, only known types, written whole or not at all."""

from skimbalance.persistence._files import load_model, model_info, save_model
from skimbalance.persistence._lean import _Pairs as _Pairs  # files name it here

__all__ = ["load_model", "model_info", "save_model"]
