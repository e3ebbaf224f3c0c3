"""The languages of the pages: which one a person gets, and every text in it.

English is both a language and the key of each text: what is stored, logged or told to programs stays English, and the
page translates it where it is shown, also when its fields are filled in already ("Port 104 is in use…").
"""

import functools
import io
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path

from babel.core import negotiate_locale
from babel.dates import format_date
from babel.messages.catalog import Catalog, Message
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.support import Translations
from flask import Flask, has_request_context, request
from flask_babel import Babel, Domain, get_locale
from flask_login import current_user
from markupsafe import Markup

from appliance.errors import BuckyError
from webui.services import Services

LANGUAGES = {"en": "English", "es": "Español", "de": "Deutsch", "fr": "Français"}
"""Each named in itself."""
COOKIE = "bucky_language"
COOKIE_S = 2 * 365 * 86_400
FOLDER = Path(__file__).with_name("translations")
_FEWEST_LETTERS = 6
"""A template with fewer fixed letters would recognise what it is not."""
_LONGEST = 1000
"""Texts of the box are shorter; matching a long one could take long."""
_FIELD = re.compile(r"\{(\w+)\}")
_SENTENCES = re.compile(r"(?<=[.:!?]) ")
_DAY = re.compile(r"\b20\d\d-[01]\d-[0-3]\d\b")
_SCRIPTS = (".js", ".ts")
_MONEY = re.compile(r"([A-Z]{3}) (\d+\.\d\d)")
_FIGURE = re.compile(r"\d+\.\d")


def register(app: Flask, services: Services) -> None:
    """Give the app its languages, and templates the filters for texts that come from the box itself."""
    babel = Babel(app, locale_selector=lambda: chosen(services))
    babel.domain_instance = _Catalogues()
    app.jinja_env.filters.update(tr=tr, message=message, advice=advice)
    app.jinja_env.globals.update(
        page_language=language, page_languages=LANGUAGES, script_words=script_words, stamp=stamp
    )
    app.jinja_env.policies["ext.i18n.trimmed"] = True


def chosen(services: Services) -> str:
    """What the account chose; else the cookie of a choice, the browser's wish, the box's own language."""
    if current_user and current_user.is_authenticated and current_user.account.language in LANGUAGES:
        return str(current_user.account.language)
    kept = request.cookies.get(COOKIE)
    if kept in LANGUAGES:
        return kept
    liked = negotiate_locale(request.accept_languages.values(), LANGUAGES, sep="-")
    return liked or services.setting("language") or "en"


def language() -> str:
    """The tag of the language in which this request is answered."""
    locale = get_locale() if has_request_context() else None
    return str(locale) if locale else "en"


def tr(text: str | None) -> str:
    """An English text of the box in the reader's language; what is not known stays as it is."""
    return _translated(language(), text or "")


def in_language(tag: str, text: str) -> str:
    """An English text of the box in a language that need not be the reader's; or stays English."""
    return _translated(tag, text) if tag in LANGUAGES else text


def english(text: str, words: Iterable[str]) -> str:
    """The one of the box's own words that somebody typed in the reader's language; other texts stay as they are."""
    typed = text.strip().casefold()
    return next((word for word in words if tr(word).casefold() == typed), text)


def message(error: BuckyError) -> str:
    """What happened, for staff."""
    return _filled(error.message, error)


def advice(error: BuckyError) -> str:
    """What to do next."""
    return _filled(error.hint, error)


def _filled(template: str, error: BuckyError) -> str:
    fields = {name: _listed(language(), v) if isinstance(v, str) else v for name, v in error.fields.items()}
    return tr(template).format(**fields)


def N_(text: str) -> str:  # noqa: N802 - gettext's own name
    """Mark a word that is translated later, where it is shown."""
    return text


def stamp(moment: str, length: int = 16) -> Markup:
    """A moment for the page's script, which shows it as people do; without the script as far as `length`."""
    return Markup('<time datetime="{}">{}</time>').format(moment, moment[:length])


def script_words() -> dict[str, str]:
    """What the page's scripts say, in the language of the request; nothing for English."""
    return _scripts(language())


class _Catalogues(Domain):  # type: ignore[misc]  # flask-babel has no types
    """Translations made of the .po files themselves: nothing to compile, nothing that goes stale."""

    def get_translations(self) -> Translations:
        return _translations(language())


@functools.cache
def _catalogue(tag: str) -> Catalog:
    if tag == "en":
        return Catalog("en")
    with (FOLDER / tag / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, tag)


@functools.cache
def _translations(tag: str) -> Translations:
    packed = io.BytesIO()
    write_mo(packed, _catalogue(tag))
    packed.seek(0)
    return Translations(packed)


def _is_for_scripts(entry: Message) -> bool:
    return any(file.endswith(_SCRIPTS) for file, _ in entry.locations)


@functools.cache
def _scripts(tag: str) -> dict[str, str]:
    return {str(entry.id): str(entry.string) for entry in _catalogue(tag) if entry.string and _is_for_scripts(entry)}


@functools.cache
def _templates(tag: str) -> list[tuple[re.Pattern[str], str]]:
    """Texts with {fields} as patterns, that with the most fixed letters first, and their translations."""
    found = []
    for entry in _catalogue(tag):
        fixed = _FIELD.split(entry.id)[::2] if isinstance(entry.id, str) else []
        letters = len("".join(fixed))
        if entry.string and len(fixed) > 1 and letters >= _FEWEST_LETTERS and not _is_for_scripts(entry):
            found.append((letters, _pattern(str(entry.id)), str(entry.string)))
    return [(pattern, string) for _, pattern, string in sorted(found, key=lambda each: -each[0])]


def _pattern(template: str) -> re.Pattern[str]:
    """What a template can have become."""
    made, known = "", set()
    for number, part in enumerate(_FIELD.split(template)):
        if number % 2 == 0:
            made += re.escape(part)
        else:
            made += f"(?P={part})" if part in known else f"(?P<{part}>.+?)"
            known.add(part)
    return re.compile(made, re.DOTALL)


@functools.lru_cache(maxsize=4096)
def _translated(tag: str, text: str) -> str:
    """By the text itself, by itself with another first letter, or by the template that it was made of."""
    if tag == "en" or not text.strip():
        return text
    catalogue = _translations(tag)
    if (known := catalogue.gettext(text)) != text:
        return known
    if text[0].isupper() and (known := catalogue.gettext(lower := text[0].lower() + text[1:])) != lower:
        return known[0].upper() + known[1:]
    if len(text) > _LONGEST:
        return text
    for pattern, string in _templates(tag):
        if match := pattern.fullmatch(text):
            return string.format(**{name: _field(tag, name, value) for name, value in match.groupdict().items()})
    if len(parts := _SENTENCES.split(text)) > 1:
        return " ".join(_translated(tag, part) for part in parts)
    if text.endswith(".") and (known := _translated(tag, text[:-1])) != text[:-1]:
        return f"{known}."
    return text


def _listed(tag: str, value: str) -> str:
    """A word or text; or several words, where they are not known as one text."""
    known = _translated(tag, value)
    return ", ".join(_translated(tag, word) for word in value.split(", ")) if known == value else known


def _field(tag: str, name: str, value: str) -> str:
    """What fills a template: words, and days and figures as the language writes them."""
    if name.endswith("_gb") and _FIGURE.fullmatch(value):  # a release or an address may look like a figure too
        return str(format_decimal(value, "#,##0.0", locale=tag))
    if name == "money" and (found := _MONEY.fullmatch(value)):
        return f"{format_decimal(found[2], '0.00', locale=tag)} {found[1]}"
    return _DAY.sub(lambda day: format_date(date.fromisoformat(day[0]), locale=tag), _translated(tag, value))
