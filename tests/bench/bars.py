"""Figures beside their bars."""

from dataclasses import dataclass, field


@dataclass
class Bars:
    """Prints each figure as it comes and counts the bars that are not met."""

    missed: list[str] = field(default_factory=list)
    met: int = 0

    def text(self, line: str) -> None:
        """A line of its own."""
        print(f"\n{line}", flush=True)

    def note(self, label: str, figure: float) -> None:
        """A figure without a bar."""
        print(f"  {label:72} {figure:9.2f}", flush=True)

    def above(self, label: str, figure: float, bar: float) -> None:
        """A figure that should be at least so much."""
        self._judge(label, figure, f">= {bar:g}", figure >= bar)

    def below(self, label: str, figure: float, bar: float) -> None:
        """A figure that should be at most so much."""
        self._judge(label, figure, f"<= {bar:g}", figure <= bar)

    def _judge(self, label: str, figure: float, bar: str, met: bool) -> None:
        print(f"  {label:72} {figure:9.2f}  bar {bar:8} {'met' if met else 'NOT MET'}", flush=True)
        self.met += met
        if not met:
            self.missed.append(label)
