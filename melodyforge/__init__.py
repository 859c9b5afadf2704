"""Melody Forge: train a network on a folder of music and compose in that style."""

__version__ = "0.1.0"
