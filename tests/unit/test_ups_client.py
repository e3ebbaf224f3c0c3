"""The worklist of a reader, asked over a line that breaks."""

from appliance.dicomweb.client import DicomWebClient
from appliance.dicomweb.ups_client import UpsClient
from tests.once import answering

EVENT = b'[{"00001000": {"vr": "UI", "Value": ["1.2.3"]}}]'


def test_no_event_is_passed_over_when_an_answer_breaks_off() -> None:
    """The number of the last event counts when the events have come."""
    head = b"HTTP/1.1 200 OK\r\nBucky-Last-Event: 7\r\n"
    for rest, found in (
        (b"Content-Length: %d\r\n\r\n%s" % (len(EVENT), EVENT), (7, ["1.2.3"])),
        (b"Content-Ty", (3, [])),
    ):
        with answering(head + rest) as url:
            assert UpsClient(DicomWebClient(url)).events("PAW", 3) == found
