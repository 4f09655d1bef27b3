"""The engine's one backend: compiled programs in TensorFlow, and training by Keras' `fit`."""
