"""The composition root: builds every object of every role, by keyword, from settings.

One module an area, one builder a role. Imports of the built stand inside the builders, so that a role loads only what
it needs: the receiver no web framework, no numpy and no image codec.
"""

from appliance.wiring.box import Box

__all__ = ["Box"]
