"""The blanks of one backend: all that is TensorFlow's in the engine."""
