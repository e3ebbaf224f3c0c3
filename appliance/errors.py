"""Errors that staff can act on: a stable code, a message and what to do next.

Code, message and hint never hold patient data; they may be logged and shown as they are.
"""

from typing import ClassVar


class BuckyError(Exception):
    """Base of every expected failure; the class attributes are templates over `fields`."""

    code: ClassVar[str] = "unexpected"
    message: ClassVar[str] = "Something unexpected happened."
    hint: ClassVar[str] = "Try again; if it happens again, call support."

    def __init__(self, **fields: object) -> None:
        self.fields = fields
        super().__init__(self.text)

    @property
    def text(self) -> str:
        """The message for staff."""
        return self.message.format(**self.fields)

    @property
    def advice(self) -> str:
        """What to do next."""
        return self.hint.format(**self.fields)


class BadSetting(BuckyError):
    """A setting or argument whose value is not allowed; it stops the start."""

    code = "bad-setting"
    message = "{key} = {value!r} is not allowed; allowed: {allowed}."
    hint = "Correct the value of {key}."


class PortInUse(BuckyError):
    """Another program already listens on the port."""

    code = "port-in-use"
    message = "Port {port} on {host} is in use by another program."
    hint = "Stop that program or choose another port with {option}."


class FolderNotWritable(BuckyError):
    """The data folder cannot be made or written."""

    code = "folder-not-writable"
    message = "The folder {path} cannot be written: {reason}."
    hint = "Give the box a folder it may write to, with --data."


class DiskFull(BuckyError):
    """Storing would eat into the reserve that keeps the box alive."""

    code = "disk-full"
    message = "The disk of the box is full."
    hint = "Free space on the box; the X-ray unit keeps the pictures and sends them again."


class SchemaTooNew(BuckyError):
    """The database was written by a newer release."""

    code = "schema-too-new"
    message = "The archive was written by a newer version of the box (step {name})."
    hint = "Install the newer version again."


class IndexDamaged(BuckyError):
    """The database file is broken; the next start of the receiver recovers it."""

    code = "index-damaged"
    message = "The index of the archive is damaged; the pictures are not."
    hint = "The box makes a new index by itself. If this stays, run: bucky rebuild-index"


class NotDicom(BuckyError):
    """Bytes that cannot be kept as a DICOM instance."""

    code = "not-dicom"
    message = "This file is not a usable DICOM object: {reason}."
    hint = "Send the picture again from the X-ray unit, or choose another file."


class NotFound(BuckyError):
    """The thing asked for is not on this box."""

    code = "not-found"
    message = "This {what} is not on the box."
    hint = "Go back to the list; it may have been removed."


class CannotDisplay(BuckyError):
    """The pixels of an instance cannot be shown; the stored file is unaffected."""

    code = "cannot-display"
    message = "This picture cannot be shown: {reason}."
    hint = "The picture is kept as received and can still be sent to a reader."


class NotAllowed(BuckyError):
    """The caller has no right to do this."""

    code = "not-allowed"
    message = "This needs another log-in or role."
    hint = "Log in with an account that may do this."


class WrongCredentials(BuckyError):
    """Name or password, setup code or token did not match."""

    code = "wrong-credentials"
    message = "{what} is not right."
    hint = "Check it and try again."


class BadInput(BuckyError):
    """A form or request field that cannot be used."""

    code = "bad-input"
    message = "{field}: {reason}."
    hint = "Correct it and try again."


class PeerError(BuckyError):
    """A far side (reader, archive) did not do its part; `transient` tells whether trying again can help by itself,
    `about_instance` whether the one instance is to blame and others may still go through."""

    code = "peer"
    message = "The reader's service did not do what was asked."
    hint = "The box tries again by itself."
    transient: ClassVar[bool] = True
    about_instance: ClassVar[bool] = False
