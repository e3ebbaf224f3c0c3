"""The box between the X-ray unit of a small practice and a radiologist far away."""

__version__ = "0.1.0"
