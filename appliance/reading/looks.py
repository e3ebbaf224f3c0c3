"""Looks of pictures, from the light table and from presentation states, for copies that show the same."""

from appliance.imaging.media.look import Figure, Look
from appliance.imaging.voi import Window, checked
from appliance.reading import marks


def look_seen(seen: marks.Seen) -> Look:
    """What a person sees now, with the drawings; raises BadInput for a window that cannot be drawn."""
    return Look(
        window=_window(seen.window),
        choice=seen.choice,
        invert=seen.invert,
        turn=seen.rotation,
        mirror=seen.flipped,
        overlays=seen.overlays,
        shutters=seen.shutters,
        figures=tuple(Figure(graphic.points, graphic.text) for graphic in seen.graphics),
    )


def look_kept(view: marks.View) -> Look:
    """What a person kept: window, polarity, turn and flip, without drawings; raises BadInput as `look_seen`."""
    turn = round(view.rotation / 90) * 90 % 360
    return Look(window=_window(view.window), invert=view.invert, turn=turn, mirror=view.flipped)


def _window(said: marks.Window | None) -> Window | None:
    return checked(Window(said.function, said.center, said.width, "")) if said else None
