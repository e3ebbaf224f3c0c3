"""Requests one behind the other: an answer that broke off is none, wherever the line was cut."""

import pytest

from appliance.dicomweb.pipeline import Answer, Pipeline
from appliance.peer_errors import BrokenOff
from tests.once import answering

HEAD = b"HTTP/1.1 201 Created\r\nLocation: /dicom-web/uploads/17\r\nUpload-Offset: 12345\r\n"
ANSWERS = [
    (HEAD + b"Content-Length: 0\r\n\r\n", b""),
    (HEAD + b"Content-Length: 4\r\n\r\nfour", b"four"),
    (HEAD + b"Transfer-Encoding: chunked\r\n\r\n4\r\nfour\r\n0\r\n\r\n", b"four"),
]


def _ask(answer: bytes) -> Answer:
    """What is made of a service that answers so and hangs up."""
    with answering(answer) as url:
        pipeline = Pipeline(url, context=None, options=[], stall_timeout_s=5, answer_timeout_s=5)
        try:
            pipeline.send("POST", "/studies", {})
            return pipeline.answer()
        finally:
            pipeline.close()


@pytest.mark.parametrize(("answer", "content"), ANSWERS)
def test_an_answer_that_breaks_off_is_none(answer: bytes, content: bytes) -> None:
    """A head without its end, above all: an address or an offset in it may be cut short."""
    whole = _ask(answer)
    assert (whole.status, whole.content) == (201, content)
    assert whole.headers["location"] == "/dicom-web/uploads/17"
    for length in range(len(answer)):
        with pytest.raises(BrokenOff):
            _ask(answer[:length])
