"""What can be said of an object that has neither a picture nor a text: one line of its own facts."""

from collections.abc import Callable

from pydicom.dataset import Dataset
from pydicom.uid import UID

from appliance.dicom.names import shown_name
from appliance.dicom.record import text

_LABELS = (
    "ContentLabel",
    "RTPlanLabel",
    "StructureSetLabel",
    "ContentDescription",
    "DocumentTitle",
    "SeriesDescription",
)


def facts_of(ds: Dataset) -> list[str]:
    """Kind, label, what is in it, and when it was made; odd content never raises."""
    kind = UID(text(ds, "SOPClassUID") or "").name.removesuffix(" Storage")
    label = next((value for keyword in _LABELS if (value := text(ds, keyword))), "")
    inside = [words for describe in _DESCRIPTIONS if (words := _tried(describe, ds))]
    made = text(ds, "ContentDate") or text(ds, "AcquisitionDateTime") or text(ds, "SeriesDate") or ""
    creator = shown_name(text(ds, "ContentCreatorName")) if text(ds, "ContentCreatorName") else ""
    day = f"{made[:4]}-{made[4:6]}-{made[6:8]}" if made[:8].isdecimal() and len(made) >= 8 else ""
    return [fact for fact in (kind or "Object of unknown kind", label, *inside, creator, day) if fact]


def _tried(describe: Callable[[Dataset], str], ds: Dataset) -> str:
    try:
        return describe(ds)
    except Exception:  # what cannot be read is not described
        return ""


def _waveform(ds: Dataset) -> str:
    groups = ds.WaveformSequence
    first = groups[0]
    rate, samples = float(first.SamplingFrequency), int(first.NumberOfWaveformSamples)
    channels = sum(int(group.NumberOfWaveformChannels) for group in groups)
    return f"{channels} channel{'s' if channels != 1 else ''}, {samples / rate:.4g} s at {rate:g} Hz"


def _plan(ds: Dataset) -> str:
    return _counted(len(ds.BeamSequence), "beam")


def _structures(ds: Dataset) -> str:
    names = [name for item in ds.StructureSetROISequence if (name := text(item, "ROIName"))]
    return f"{_counted(len(names), 'structure')}: {', '.join(names[:8])}{' …' if len(names) > 8 else ''}"


def _dose(ds: Dataset) -> str:
    return f"dose in {ds.DoseUnits}, {str(ds.DoseType).lower()}"


def _key_objects(ds: Dataset) -> str:
    title = text(ds.ConceptNameCodeSequence[0], "CodeMeaning") if "ConceptNameCodeSequence" in ds else ""
    series = [s for study in ds.CurrentRequestedProcedureEvidenceSequence for s in study.ReferencedSeriesSequence]
    count = sum(len(s.ReferencedSOPSequence) for s in series)
    return f"{title}: {_counted(count, 'object')}" if title else _counted(count, "object")


def _presentation(ds: Dataset) -> str:
    count = sum(len(series.ReferencedImageSequence) for series in ds.ReferencedSeriesSequence)
    return f"for {_counted(count, 'picture')}"


def _segments(ds: Dataset) -> str:
    names = [name for item in ds.SegmentSequence if (name := text(item, "SegmentLabel"))]
    return f"{_counted(len(names), 'segment')}: {', '.join(names[:8])}"


def _document(ds: Dataset) -> str:
    return f"{ds.MIMETypeOfEncapsulatedDocument}, {len(ds.EncapsulatedDocument) // 1024} KB"


def _counted(count: int, word: str) -> str:
    return f"{count} {word}{'' if count == 1 else 's'}"


_DESCRIPTIONS = (*(_waveform, _plan, _structures, _dose, _key_objects, _presentation, _segments, _document),)
