"""DICOM person names (PS3.5 6.2.1.1) as people read them."""


def shown_name(value: str | None) -> str:
    """'Rex^^^^' or 'Doe^John^^Dr' in reading order; of several representations the first that is not empty."""
    for group in (value or "").split("="):
        family, given, middle, prefix, suffix = (*(part.strip() for part in group.split("^")), *[""] * 5)[:5]
        words = [prefix, given, middle, family, suffix]
        if any(words):
            return " ".join(word for word in words if word)
    return "—"
