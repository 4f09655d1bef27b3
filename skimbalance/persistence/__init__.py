"""Model files that are safe to open: no pickle, only known types, written whole or not at all."""

from skimbalance.persistence._files import load_model, model_info, save_model
from skimbalance.persistence._lean import _KerasObject as _KerasObject  # files name these here
from skimbalance.persistence._lean import _NotInFile as _NotInFile
from skimbalance.persistence._lean import _Pairs as _Pairs
from skimbalance.persistence._onnx._export import register_onnx_converters, to_onnx

__all__ = ["load_model", "model_info", "register_onnx_converters", "save_model", "to_onnx"]
