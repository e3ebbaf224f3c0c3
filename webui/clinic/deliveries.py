"""How far a study is at each destination, in words."""

from dataclasses import dataclass

from appliance.archive.catalogue import StudyLine
from appliance.courier.queue import Progress
from webui import words
from webui.services import Services


@dataclass(frozen=True)
class Delivery:
    """One destination of a study."""

    kind: str
    text: str
    progress: Progress


def deliveries(services: Services, line: StudyLine) -> list[Delivery]:
    """The state of delivery to each destination."""
    known = {d.id: d for d in services.destinations.all()}
    shown = []
    for progress in services.queue.progress(line.study.id):
        shortfall = services.evidence.shortfall(line.study.id) if progress.complete else None
        kind, text = words.delivery_state(progress, known.get(progress.destination_id), shortfall)
        shown.append(Delivery(kind, text, progress))
    return shown
