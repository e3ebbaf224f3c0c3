"""Pixels: decoding, the grayscale pipeline, and the pictures derived from them."""
