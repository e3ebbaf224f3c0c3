"""The pages and the DICOMweb service over a folder of the test, in this process but over real HTTP."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from pydicom.dataset import Dataset
from werkzeug.serving import make_server

from appliance.archive.blobs import Provenance
from appliance.archive.part10 import take_dataset, take_file
from appliance.clock import stamp
from appliance.logs import Log
from appliance.settings import load
from appliance.wiring import Box
from appliance.wiring.web import build_app
from webui.services import BoxFacts

HOST = "127.0.0.1"


def make_box(data: Path, **settings: object) -> Box:
    """Services without processes."""
    return Box(load(data, command_line=settings, environ={}))


def keep(box: Box, *objects: Dataset | Path) -> None:
    """Take data sets and files into a box."""
    for each in objects:
        said = Provenance("import", "test", "", stamp())
        if isinstance(each, Path):
            take_file(box.intake, each, said)
        else:
            take_dataset(box.intake, each, said)


@contextmanager
def served(box: Box, kind: str = "box") -> Iterator[str]:
    """The address at which a box's web role answers."""
    facts = BoxFacts(
        kind=kind,
        ae_title="BUCKY",
        addresses=lambda: [HOST],
        dicom_port=lambda: None,
        http_port=0,
        secret_key=box.secret_key,
    )
    server = make_server(HOST, 0, build_app(box, facts, Log("web")), threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://{HOST}:{server.server_port}"
    server.shutdown()
    thread.join(5)
