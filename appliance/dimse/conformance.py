"""Writes CONFORMANCE.md from the tables that the code itself works by: `python -m appliance.dimse.conformance`."""

from pathlib import Path

from pydicom.uid import UID
from pynetdicom.sop_class import _STORAGE_CLASSES

from appliance.archive.blobs import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION_NAME
from appliance.archive.search import MATCHES
from appliance.dicom.transfer_syntaxes import REFUSED, SENDABLE
from appliance.dimse import (
    commitment,
    connection,
    door,
    listener,
    procedure_steps,
    query,
    retrieve,
    status,
    tls,
    worklist,
)
from appliance.settings import KEYS

STATEMENT = Path(__file__).with_name("CONFORMANCE.md")


def statement() -> str:
    """The whole text."""
    return "\n".join([*_head(), *_services(), *_storage(), *_query(), *_limits(), *_statuses(), ""])


def _head() -> list[str]:
    return [
        "# DICOM conformance statement",
        "",
        "Made by `python -m appliance.dimse.conformance` from the tables of the code; a test keeps it true.",
        "",
        f"- Implementation class UID {IMPLEMENTATION_CLASS_UID}, version name {IMPLEMENTATION_VERSION_NAME}",
        f"- AE title {KEYS['ae_title'].default}, port {KEYS['dicom_port'].default},"
        f" with TLS {KEYS['dicom_tls_port'].default} (settings). Any called AE title is answered.",
        "- Calling AE titles: unknown ones may verify and store into quarantine; accepted ones may do everything;"
        " blocked ones are rejected (result 1, source 1, reason 3).",
        "- Character sets: all that pydicom reads; answers in ASCII, else in the set of the query, else ISO_IR 192.",
        "",
    ]


def _services() -> list[str]:
    rows = [("Verification", "SCP, SCU", str(listener.VERIFICATION))]
    for name, role, classes in (
        ("Modality worklist", "SCP", worklist.WorklistService.abstract_syntaxes),
        ("Modality performed procedure step", "SCP", procedure_steps.ProcedureStepService.abstract_syntaxes),
        ("Storage commitment push model", "SCP", commitment.CommitmentService.abstract_syntaxes),
        ("Query", "SCP", query.FIND_MODELS),
        ("Retrieve by C-MOVE", "SCP", retrieve.MOVE_MODELS),
        ("Retrieve by C-GET", "SCP", retrieve.GET_MODELS),
    ):
        rows += [(name, role, uid) for uid in sorted(classes)]
    lines = [f"| {name} | {role} | {UID(uid).name} | {uid} |" for name, role, uid in rows]
    return ["## Services", "", "| service | role | SOP class | UID |", "|---|---|---|---|", *lines, ""]


def _storage() -> list[str]:
    classes = sorted({str(uid) for uid in _STORAGE_CLASSES.values()})
    refused = ", ".join(f"{UID(uid).name} ({uid})" for uid in sorted(REFUSED))
    sendable = ", ".join(UID(uid).name for uid in SENDABLE)
    return [
        "## Storage (SCP)",
        "",
        "Level 2: every attribute is kept; the data set is stored bit by bit as it came. Every storage SOP class below,"
        " and every class that no service is known for, private ones among them, in any transfer syntax except:"
        f" {refused}.",
        "",
        f"Sent out as stored, or, where the receiver does not take that, in: {sendable}.",
        "",
        *(f"- {UID(uid).name} ({uid})" for uid in classes),
        "",
    ]


def _query() -> list[str]:
    lines = [f"- {level}: {', '.join(sorted(keys))}" for level, keys in MATCHES.items()]
    return ["## Query keys", "", "Matched on, by level; other keys come back without restricting:", "", *lines, ""]


def _limits() -> list[str]:
    return [
        "## Limits and security",
        "",
        f"- PDU {listener.MAXIMUM_PDU_BYTES} bytes; associations {door.SLOTS} in all,"
        f" {door.SLOTS_OF_ONE_KNOWN_ADDRESS} of one accepted address, {door.SLOTS_OF_ALL_UNKNOWN} of all others.",
        f"- TLS handshake {door.HANDSHAKE_S:g} s, association request {connection.FIRST_PDU_S:g} s,"
        f" a PDU {connection.PDU_S:g} s,"
        f" silence {listener.NETWORK_TIMEOUT_S} s ({door.IDLE_UNKNOWN_S} s of devices that are not accepted).",
        f"- Worklist {worklist.MAXIMUM_ANSWERS} answers, query {query.MAX_ANSWERS}.",
        f"- TLS 1.2 or newer (BCP 195), ciphers {tls.CIPHERS}; a unit's certificate is asked for when one is on file.",
        "",
    ]


def _statuses() -> list[str]:
    named = {name: code for name, code in vars(status).items() if name.isupper() and isinstance(code, int)}
    lines = [f"| 0x{code:04X} | {name.replace('_', ' ').lower()} |" for name, code in sorted(named.items())]
    return ["## Statuses", "", "| status | meaning |", "|---|---|", *sorted(lines)]


if __name__ == "__main__":
    STATEMENT.write_text(statement(), encoding="utf-8")
