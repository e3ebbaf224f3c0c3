"""Branching vessels of the lung."""

from dataclasses import dataclass

import numpy as np

from appliance.phantom.canvas import LUNG, WATER, Canvas

_SHARES = (0.30, 0.55, 0.80, 1.0)


@dataclass(frozen=True)
class Branch:
    """A vessel: where it starts (cm), its direction (radians, x towards y), its length and radius (cm)."""

    x: float
    y: float
    angle: float
    length: float
    radius: float


def draw_tree(canvas: Canvas, branch: Branch, *, bend: float = 0.0) -> None:
    """Draw a vessel and all that springs from it, each thinner and shorter than its parent."""
    if branch.radius < max(0.035, 0.35 * canvas.step_cm) or branch.length < 0.5:
        return
    steps = np.linspace(0.0, 1.0, 7)
    angles = branch.angle + bend * steps + canvas.random.normal(0.0, 0.05, steps.size).cumsum() * 0.6
    hops = branch.length / (steps.size - 1)
    xs = branch.x + np.concatenate([[0.0], np.cumsum(np.cos(angles[:-1]) * hops)])
    ys = branch.y + np.concatenate([[0.0], np.cumsum(np.sin(angles[:-1]) * hops)])
    radii = branch.radius * np.linspace(1.0, 0.42, steps.size)
    canvas.tube(np.column_stack([xs, ys]), radii, (WATER - LUNG) * 0.95, steps=1)
    side = canvas.random.choice((-1.0, 1.0))
    for share in _SHARES:
        at = min(steps.size - 1, round(share * (steps.size - 1)))
        turn = side * canvas.random.uniform(0.35, 0.75) if share < 1.0 else side * 0.2
        side = -side
        child = Branch(
            float(xs[at]),
            float(ys[at]),
            float(angles[at] + turn),
            branch.length * float(canvas.random.uniform(0.40, 0.58)),
            float(radii[at]) * (0.62 if share < 1.0 else 0.9),
        )
        draw_tree(canvas, child)


def draw_bronchus(canvas: Canvas, branch: Branch) -> None:
    """Draw an airway: walls as two lines, air between."""
    end = (branch.x + branch.length * np.cos(branch.angle), branch.y + branch.length * np.sin(branch.angle))
    line = np.array([(branch.x, branch.y), end])
    canvas.tube(line, (branch.radius, branch.radius * 0.6), (WATER - LUNG) * 0.55)
    canvas.tube(line, (branch.radius * 0.8, branch.radius * 0.45), -(WATER - LUNG) * 0.9)
