"""Everything that imports Keras at its top, between a plan and the engine."""
