"""An event as an audit message in XML (PS3.15 A.5.1), and as a syslog line (RFC 5424, PS3.15 A.6)."""

import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping

from appliance.audit.events import BY_NAME, SUCCESS
from appliance.audit.trail import Actor, Entry

_PRIORITY = 10 * 8 + 5  # facility authpriv, severity notice (PS3.15 A.6)
_NETWORK_ADDRESS = "2"  # an IP address (PS3.15 A.5.2.3)
_USER, _DEVICE = "110150", "110153"


def audit_message(entry: Entry, *, source: str) -> ET.Element:
    """The message of an event; `source` names the box, e.g. bucky-1a2b."""
    kind = BY_NAME[entry.kind]
    message = ET.Element("AuditMessage")
    event = ET.SubElement(
        message,
        "EventIdentification",
        EventActionCode=kind.action,
        EventDateTime=entry.at,
        EventOutcomeIndicator=str(entry.outcome),
    )
    _coded(event, "EventID", kind.event_code, kind.event_meaning)
    if kind.type_code and kind.type_meaning:
        _coded(event, "EventTypeCode", kind.type_code, kind.type_meaning)
    if entry.outcome != SUCCESS:
        ET.SubElement(event, "EventOutcomeDescription").text = entry.detail.get("reason", "failed")
    _participant(message, entry.actor, requestor=True)
    if entry.actor.kind != "box":
        _participant(message, Actor(source, "box"), requestor=False)
    audit_source = ET.SubElement(message, "AuditSourceIdentification", AuditSourceID=source)
    ET.SubElement(audit_source, "AuditSourceTypeCode", {"csd-code": "4"})  # application server (PS3.15 A.5.2.4)
    _objects(message, entry.detail)
    return message


def _participant(message: ET.Element, actor: Actor, *, requestor: bool) -> None:
    given = {"UserID": actor.name, "UserIsRequestor": "true" if requestor else "false"}
    if actor.address:
        given |= {"NetworkAccessPointID": actor.address, "NetworkAccessPointTypeCode": _NETWORK_ADDRESS}
    participant = ET.SubElement(message, "ActiveParticipant", given)
    if actor.kind in ("box", "program"):
        _coded(participant, "RoleIDCode", _USER, "Application")
    elif actor.kind == "device":
        _coded(participant, "RoleIDCode", _DEVICE, "Source Role ID")


def _objects(message: ET.Element, detail: Mapping[str, str]) -> None:
    """The study, the patient, and whatever else the event was about (PS3.15 A.5.2.5)."""
    if uid := detail.get("study_instance_uid"):
        study = _object(message, uid, type_code="2", role="3")
        _coded(study, "ParticipantObjectIDTypeCode", "110180", "Study Instance UID")
        _named(study, detail.get("study_description"))
    if patient := detail.get("patient_id") or detail.get("patient_name"):
        person = _object(message, patient, type_code="1", role="1")
        _coded(person, "ParticipantObjectIDTypeCode", "2", "Patient Number", system="RFC-3881")
        _named(person, detail.get("patient_name"))
    if subject := detail.get("subject"):
        other = _object(message, subject, type_code="2", role="13")
        _coded(other, "ParticipantObjectIDTypeCode", "12", "URI", system="RFC-3881")


def _object(message: ET.Element, identifier: str, *, type_code: str, role: str) -> ET.Element:
    return ET.SubElement(
        message,
        "ParticipantObjectIdentification",
        ParticipantObjectID=identifier,
        ParticipantObjectTypeCode=type_code,
        ParticipantObjectTypeCodeRole=role,
    )


def _named(parent: ET.Element, name: str | None) -> None:
    if name:
        ET.SubElement(parent, "ParticipantObjectName").text = name


def _coded(parent: ET.Element, tag: str, code: str, meaning: str, *, system: str = "DCM") -> None:
    ET.SubElement(parent, tag, {"csd-code": code, "codeSystemName": system, "originalText": meaning})


def as_xml(entry: Entry, *, source: str) -> bytes:
    """The message as UTF-8."""
    return bytes(ET.tostring(audit_message(entry, source=source), encoding="utf-8"))


def as_syslog(entry: Entry, *, source: str) -> bytes:
    """One RFC 5424 message; the chain's hash goes along, so that the receiver can tell of a cut."""
    head = f"<{_PRIORITY}>1 {entry.at} {source} bucky {os.getpid()} DICOM+RFC3881"
    chain = f'[bucky@2.25.210399287143806917021934226871830219467 number="{entry.number}" hash="{entry.hash}"]'
    return f"{head} {chain} \ufeff".encode() + as_xml(entry, source=source)
