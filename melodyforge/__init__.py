"""Melody Forge: train a network on a folder of music and compose in that style."""

import os

__version__ = "0.1.0"

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")  # before TensorFlow is imported: its notices help no musician
