"""The content tree of structured reports, read without trust."""

from collections.abc import Iterator

from pydicom.dataset import Dataset

from appliance.dicom.record import text

MAX_DEPTH = 12
MAX_ITEMS = 50_000


def children(item: Dataset) -> list[Dataset]:
    """The items below one; none where they cannot be read."""
    try:
        return list(item.get("ContentSequence") or [])
    except Exception:  # a sequence that cannot be read has no children
        return []


def walk(root: Dataset) -> Iterator[Dataset]:
    """All items below one, in order; depth and number are bounded."""
    waiting = [(child, 1) for child in reversed(children(root))]
    for _ in range(MAX_ITEMS):
        if not waiting:
            return
        item, depth = waiting.pop()
        yield item
        if depth < MAX_DEPTH:
            waiting.extend((child, depth + 1) for child in reversed(children(item)))


def referenced_uids(root: Dataset) -> Iterator[str]:
    """SOP Instance UIDs that the tree refers to, in order."""
    for item in walk(root):
        for reference in item.get("ReferencedSOPSequence") or []:
            if uid := text(reference, "ReferencedSOPInstanceUID"):
                yield uid


def code(item: Dataset, keyword: str) -> tuple[str, str]:
    """Scheme and value of a code; empty where there is none."""
    found = _code(item, keyword)
    return (text(found, "CodingSchemeDesignator") or "", text(found, "CodeValue") or "")


def meaning(item: Dataset, keyword: str) -> str | None:
    """The words of a code."""
    return text(_code(item, keyword), "CodeMeaning")


def concept_is(item: Dataset, value: str, scheme: str) -> bool:
    """Whether the item's name is this code."""
    return code(item, "ConceptNameCodeSequence") == (scheme, value)


def _code(item: Dataset, keyword: str) -> Dataset:
    try:
        found: Dataset = item[keyword].value[0]
    except Exception:  # absent, empty or unreadable are the same here
        return Dataset()
    return found
