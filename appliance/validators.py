"""Small checks at the edges; each returns the clean value or raises ValueError with what is allowed."""

import re

_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))*")
_AE_TITLE = re.compile(r"[\x20-\x5b\x5d-\x7e]{1,16}")  # PS3.5 6.2, VR AE: no backslash, no control characters
_NAME = re.compile(r"[\w][\w .@-]{0,63}")


def valid_uid(value: str) -> str:
    """A UID (PS3.5 9.1): at most 64 characters, dotted decimals."""
    if len(value) > 64 or not _UID.fullmatch(value):
        raise ValueError("a UID: digits and dots, at most 64 characters")
    return value


def valid_ae_title(value: str) -> str:
    """An AE title without its padding spaces (PS3.5 6.2)."""
    value = value.strip(" ")
    if not _AE_TITLE.fullmatch(value):
        raise ValueError("1 to 16 characters, letters and digits, no backslash")
    return value


def valid_port(value: int | str) -> int:
    """A TCP port; 0 takes a free one."""
    try:
        port = int(value)
    except ValueError:
        raise ValueError("a number from 0 to 65535") from None
    if not 0 <= port <= 65535:
        raise ValueError("a number from 0 to 65535")
    return port


def valid_name(value: str) -> str:
    """A name that a person gives to an account, a destination or a token."""
    value = value.strip()
    if not _NAME.fullmatch(value):
        raise ValueError("1 to 64 letters, digits, spaces, dots, @, hyphens")
    return value


def valid_http_url(value: str) -> str:
    """An absolute http or https URL without credentials, without its trailing slash."""
    if not re.fullmatch(r"https?://[^\s/@?#]+(/[^\s?#]*)?", value):
        raise ValueError("an address like https://reader.example/dicom-web")
    return value.rstrip("/")


def valid_dimse_address(value: str) -> str:
    """An application entity as AE@HOST:PORT."""
    title, at, rest = value.strip().rpartition("@")
    host, colon, port = rest.rpartition(":")
    if not (at and colon and re.fullmatch(r"[A-Za-z0-9.-]+|\[[0-9A-Fa-f:]+\]", host)):
        raise ValueError("an address like ARCHIVE@192.168.1.5:104")
    number = valid_port(port)
    if number == 0:
        raise ValueError("a port from 1 to 65535")
    return f"{valid_ae_title(title)}@{host}:{number}"


def valid_reader_key(value: str) -> str:
    """An Ed25519 public key (RFC 8032) in hex."""
    value = value.strip().lower()
    if not re.fullmatch(r"[0-9a-f]{64}", value):
        raise ValueError("64 hex digits")
    return value
