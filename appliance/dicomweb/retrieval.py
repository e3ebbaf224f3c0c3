"""The addresses of WADO-RS (PS3.18 10.4)."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from flask import Blueprint, Response, request

from appliance.archive.blobs import BlobStore
from appliance.archive.catalogue import Catalogue, Instance
from appliance.archive.copies import Copies
from appliance.dicomweb import frames, rendered
from appliance.dicomweb.accept import Wanted, choose, wanted
from appliance.dicomweb.answers import DICOM_JSON, base_url, require_json
from appliance.dicomweb.metadata import bulk_addresses, bulk_value, header_of, metadata
from appliance.dicomweb.wado import FileAnswers, Part, multipart, part_of
from appliance.errors import CannotDisplay, NotFound
from appliance.logs import Log

_INSTANCE = "/studies/<study>/series/<series>/instances/<instance>"
_SERIES = "/studies/<study>/series/<series>"
_STUDY = "/studies/<study>"
Uids = dict[str, str]


@dataclass(frozen=True)
class Selection:
    """Finds the instances that an address names."""

    catalogue: Catalogue
    copies: Copies

    def all(self, study: str, series: str | None = None, instance: str | None = None) -> list[Instance]:
        """The instances of a study, a series, or one; raises NotFound."""
        if instance is not None:
            found = [self.catalogue.instance_by_uid(instance)]
        else:
            found = self.catalogue.instances(self.catalogue.study_by_uid(study).id)
        found = [i for i in found if i.study_instance_uid == study and series in (None, i.series_instance_uid)]
        if not found:
            raise NotFound(what="picture")
        return [self._as_it_leaves(i) for i in found]

    def _as_it_leaves(self, instance: Instance) -> Instance:
        """With the file in which the rules of its unit are followed."""
        if not instance.repairs:
            return instance
        copy = self.copies.get(instance.dataset_sha256)
        return replace(instance, path=copy.path, transfer_syntax_uid=copy.transfer_syntax_uid)

    def image(self, **uids: str) -> Instance:
        """The middle picture of what an address names; raises NotFound."""
        images = [i for i in self.all(**uids) if i.is_image]
        if not images:
            raise NotFound(what="picture")
        return images[len(images) // 2]


def add(blueprint: Blueprint, catalogue: Catalogue, blobs: BlobStore, copies: Copies, log: Log) -> None:
    """Every resource of WADO-RS."""
    selection = Selection(catalogue, copies)
    _add_files(blueprint, selection, FileAnswers(blobs))
    _add_metadata(blueprint, selection, log)
    _add_frames(blueprint, selection)
    _add_bulk_data(blueprint, selection, log)
    _add_rendered(blueprint, selection)


def _at_levels(blueprint: Blueprint, suffix: str, name: str, view: Callable[..., Response]) -> None:
    """The same view below a study, a series and an instance."""
    for level, rule in (("study", _STUDY), ("series", _SERIES), ("instance", _INSTANCE)):
        blueprint.add_url_rule(rule + suffix, f"{name}_of_{level}", view, methods=["GET"])


def _ranges() -> list[Wanted]:
    return wanted(request.headers.get("Accept", ""), request.args)


def _add_files(blueprint: Blueprint, selection: Selection, answers: FileAnswers) -> None:
    def files(**uids: str) -> Response:
        base = base_url()

        def url(instance: Instance) -> str:
            return f"{base}{path_of(instance)}"

        return answers.answer(selection.all(**uids), _ranges(), url)

    _at_levels(blueprint, "", "files", files)


def path_of(instance: Instance) -> str:
    """The path of an instance below the service's address."""
    below = f"series/{instance.series_instance_uid}/instances/{instance.sop_instance_uid}"
    return f"/studies/{instance.study_instance_uid}/{below}"


def _tell(log: Log, instance: Instance, left_out: list[str]) -> None:
    """That elements of an instance are missing from an answer, and the first reason."""
    if left_out:
        log.event("elements-left-out", row=instance.id, count=len(left_out), code=left_out[0])


def _add_metadata(blueprint: Blueprint, selection: Selection, log: Log) -> None:
    def documents(**uids: str) -> Response:
        """Made while it is sent: a CT study has thousands of instances."""
        require_json()
        found, base = selection.all(**uids), base_url()

        def body() -> Iterator[str]:
            for number, instance in enumerate(found):
                yield "," if number else "["
                left_out: list[str] = []
                document = metadata(instance, f"{base}{path_of(instance)}", left_out)
                _tell(log, instance, left_out)
                yield json.dumps(document, ensure_ascii=False, allow_nan=False)
            yield "]"

        return Response(body(), content_type=DICOM_JSON)

    _at_levels(blueprint, "/metadata", "metadata", documents)


def _add_frames(blueprint: Blueprint, selection: Selection) -> None:
    @blueprint.get(f"{_INSTANCE}/frames/<numbers>")
    def single_frames(numbers: str, **uids: str) -> Response:
        return frames.answer(_with_pixels(selection, uids), frames.frame_numbers(numbers), _ranges())


def _with_pixels(selection: Selection, uids: Uids) -> Instance:
    (instance,) = selection.all(**uids)
    if not instance.is_image:
        raise NotFound(what="frame")
    return instance


def _add_bulk_data(blueprint: Blueprint, selection: Selection, log: Log) -> None:
    @blueprint.get(f"{_INSTANCE}/bulkdata/<path:address>")
    def bulk_data(address: str, **uids: str) -> Response:
        """One value; pixel data are given as their frames."""
        (instance,) = selection.all(**uids)
        if address.upper() == "7FE00010" and instance.is_image:
            return frames.answer(instance, frames.all_frames(instance), _ranges())
        value = bulk_value(instance.path, address)
        choose(ranges := _ranges(), [frames.OCTETS])
        best = next(each for each in ranges if each.takes(frames.OCTETS))
        if best.multipart or best.is_anything:
            return multipart([part_of(frames.OCTETS, value, request.base_url)], frames.OCTETS)
        return Response(value, content_type=frames.OCTETS)

    def all_bulk_data(**uids: str) -> Response:
        """Every long value of the instances, each with its address."""
        choose(_ranges(), [frames.OCTETS])
        base = base_url()
        return multipart(_bulk_parts(selection.all(**uids), base, log), frames.OCTETS)

    _at_levels(blueprint, "/bulkdata", "bulk_data", all_bulk_data)


def _bulk_parts(instances: list[Instance], base: str, log: Log) -> Iterator[Part]:
    for instance in instances:
        url = f"{base}{path_of(instance)}/bulkdata"
        left_out: list[str] = []
        for address in bulk_addresses(header_of(instance.path), left_out):
            value = bulk_value(instance.path, address)
            yield part_of(frames.OCTETS, value, f"{url}/{address}")
        _tell(log, instance, left_out)
        if instance.is_image:
            for frame in frames.decoded(instance):
                yield part_of(frames.OCTETS, frame, f"{url}/7FE00010")


def _add_rendered(blueprint: Blueprint, selection: Selection) -> None:
    def pictures(**uids: str) -> Response:
        """One picture for an instance, a part for each of a study or a series."""
        wish, found = rendered.wishes(request.args), [i for i in selection.all(**uids) if i.is_image]
        if not found:
            raise CannotDisplay(reason="there are no pixels in it")
        offered = (rendered.JPEG, rendered.PNG, rendered.GIF)
        media_type = choose(_ranges(), offered)
        alone = not any(each.multipart for each in _ranges())
        if "instance" in uids or (alone and len(found) == 1):
            return Response(rendered.render(found[0], None, media_type, wish), content_type=media_type)
        return multipart(_rendered_parts(found, media_type, wish), media_type)

    _at_levels(blueprint, "/rendered", "rendered", pictures)

    @blueprint.get(f"{_INSTANCE}/frames/<numbers>/rendered")
    def rendered_frames(numbers: str, **uids: str) -> Response:
        wish, asked = rendered.wishes(request.args), frames.frame_numbers(numbers)
        instance, media_type = _with_pixels(selection, uids), choose(_ranges(), (rendered.JPEG, rendered.PNG))
        if max(asked) > (instance.number_of_frames or 1):
            raise NotFound(what="frame")
        if len(asked) == 1:
            return Response(rendered.render(instance, asked, media_type, wish), content_type=media_type)
        made = (rendered.render(instance, [number], media_type, wish) for number in asked)
        return multipart((part_of(media_type, one) for one in made), media_type)

    def thumbnail(**uids: str) -> Response:
        choose(_ranges(), [rendered.JPEG])
        small = rendered.thumbnail(selection.image(**uids), None, rendered.wishes(request.args))
        return Response(small, content_type=rendered.JPEG)

    _at_levels(blueprint, "/thumbnail", "thumbnail", thumbnail)

    @blueprint.get(f"{_INSTANCE}/frames/<numbers>/thumbnail")
    def frame_thumbnail(numbers: str, **uids: str) -> Response:
        choose(_ranges(), [rendered.JPEG])
        instance, (number, *_) = _with_pixels(selection, uids), frames.frame_numbers(numbers)
        if number > (instance.number_of_frames or 1):
            raise NotFound(what="frame")
        return Response(rendered.thumbnail(instance, number, rendered.wishes(request.args)), content_type=rendered.JPEG)


def _rendered_parts(found: list[Instance], media_type: str, wish: rendered.Wishes) -> Iterator[Part]:
    """A part for each picture; one that cannot be shown is left out."""
    for instance in found:
        try:
            shown = rendered.render(instance, None, media_type, wish)
        except CannotDisplay:
            continue
        yield part_of(media_type, shown, f"{path_of(instance)}/rendered")
