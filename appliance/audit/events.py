"""The kinds of audit events, with their codes (PS3.15 A.5.3, PS3.16 CID 400 and 401)."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Kind:
    """One kind of event: its name here, its DICOM codes, and words for people."""

    name: str
    event_code: str
    event_meaning: str
    action: str
    """Create, Read, Update, Delete or Execute (PS3.15 A.5.2)."""
    words: str
    type_code: str | None = None
    type_meaning: str | None = None


KINDS = (
    Kind("started", "110100", "Application Activity", "E", "The box started", "110120", "Application Start"),
    Kind("stopped", "110100", "Application Activity", "E", "The box stopped", "110121", "Application Stop"),
    Kind("audit-read", "110101", "Audit Log Used", "R", "Looked at the audit trail"),
    Kind("accessed", "110103", "DICOM Instances Accessed", "R", "Looked at a study"),
    Kind("changed", "110103", "DICOM Instances Accessed", "U", "Changed a study"),
    Kind("received", "110104", "DICOM Instances Transferred", "C", "Pictures came in"),
    Kind("retrieved", "110104", "DICOM Instances Transferred", "R", "Pictures were retrieved"),
    Kind("sent", "110102", "Begin Transferring DICOM Instances", "E", "Released a study to a reader"),
    Kind("deleted", "110105", "DICOM Study Deleted", "D", "Deleted a study"),
    Kind("exported", "110106", "Export", "R", "Exported pictures"),
    Kind("imported", "110107", "Import", "C", "Imported pictures"),
    Kind("ordered", "110109", "Order Record", "C", "Ordered an exam"),
    Kind("patient-corrected", "110110", "Patient Record", "U", "Corrected a patient"),
    Kind("queried", "110112", "Query", "E", "Searched the archive"),
    Kind("logged-in", "110114", "User Authentication", "E", "Logged in", "110122", "Login"),
    Kind("logged-out", "110114", "User Authentication", "E", "Logged out", "110123", "Logout"),
    Kind("node-refused", "110113", "Security Alert", "E", "A unit was refused", "110126", "Node Authentication"),
    Kind("network-set", "110113", "Security Alert", "E", "Changed a connection", "110128", "Network Configuration"),
    Kind("security-set", "110113", "Security Alert", "E", "Changed a safeguard", "110129", "Security Configuration"),
    Kind("software-set", "110113", "Security Alert", "E", "Changed the software", "110131", "Software Configuration"),
    Kind("refused", "110113", "Security Alert", "E", "Was refused", "110132", "Use of Restricted Function"),
    Kind("roles-set", "110113", "Security Alert", "E", "Changed a role", "110136", "Security Roles Changed"),
    Kind("user-set", "110113", "Security Alert", "E", "Changed a log-in", "110137", "User Security Attributes Changed"),
    Kind(
        "support-began",
        "110113",
        "Security Alert",
        "E",
        "Support was let in",
        "110139",
        "Remote Service Operation Started",
    ),
    Kind(
        "support-acted", "110113", "Security Alert", "E", "Support acted", "110139", "Remote Service Operation Started"
    ),
    Kind(
        "support-ended", "110113", "Security Alert", "E", "Ended support", "110140", "Remote Service Operation Stopped"
    ),
)
BY_NAME = {kind.name: kind for kind in KINDS}

SUCCESS, MINOR_FAILURE, SERIOUS_FAILURE, MAJOR_FAILURE = 0, 4, 8, 12
"""Outcome indicators (PS3.15 A.5.2)."""
