"""What Babel cannot find by itself: texts of the box for people, and those of the light table's tools."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any, cast

from babel.messages.extract import extract_python

Found = tuple[int, str | None, Any, list[str]]
_WORD = re.compile(r"[A-Za-zÀ-ÿ’']{2,}")
_LONGER_WORD = re.compile(r"[A-Za-zÀ-ÿ’']{3,}")
_NOT_WORDS = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|WHERE|ORDER BY|FROM|SET|AND|LIKE|CAST|UNION|NOT|GLOB|ISO_IR)\b "
    r"|[ =]IN \(|[<>]?= ?[?:]|= '|filename=|-src '|no-cache|max-age|nofollow|ISO_IR "
    r"|^[\w.-]*[_/:.-][\w./:-]*$|%\(|^<| > 0|,\w*,\w*,"
)
_CALLS = {
    "partial",
    "_walked",
    "Finding",
    "Step",
    "Entry",
    "Reading",
    "Kind",
    "Notice",
    "Price",
    "Protocol",
    "Template",
    "BadInput",
    "NotFound",
    "CannotDisplay",
    "say",
}
_AUDIT_WORDS = slice(4, 5)
"""Of an audit event's kind; the other texts are the standard's own."""
_FIELDS = {"reason", "what", "field", "words", "advice", "message", "hint"}
_TEXT = r'"((?:[^"\\]|\\.)+)"'
_TOOLS = re.compile(
    rf"\b(?:label|hint|menu|name|normal|noNormal|words)\s*[:=]\s*{_TEXT}"
    rf'|\b(?:step|_|grey|lengthValue)\((?:"[^"]*", )?{_TEXT}'
    rf"|^\s*\[{_TEXT}, [-\d\w[]"
    rf'|\b(?:layout|betweenAxes|cobbLordosis|tangentLordosis|pairLevel)\("[^"]*", {_TEXT}(?:, {_TEXT})?'
)


def sentences(file: IO[bytes], keywords: object, comment_tags: object, options: dict[str, Any]) -> Iterator[Found]:
    """Texts that the box makes for people: of errors, findings, tables and answers; f-strings become templates.

    An f-string's field is named after what fills it; a choice of two words in it gives two templates. The option
    `files` names the modules of a folder that speak to people; the others are for programs.
    """
    if "files" in options and Path(file.name).stem not in options["files"].split():
        return
    yield from cast(
        Iterator[Found], extract_python(file, cast(Any, keywords), cast(Any, comment_tags), cast(Any, options))
    )
    file.seek(0)
    for node in ast.walk(ast.parse(file.read())):
        for part in _parts(node):
            for text in dict.fromkeys(_texts(part)):
                if _for_people(text):
                    yield part.lineno, "", text, []


def tools(file: IO[bytes], keywords: object, comment_tags: object, options: dict[str, Any]) -> Iterator[Found]:
    """Labels and hints of the light table's tools, which it translates where it shows them."""
    for number, line in enumerate(file.read().decode().splitlines(), 1):
        for match in _TOOLS.finditer(line):
            for text in filter(None, match.groups()):
                if _WORD.search(text):
                    yield number, "", text, []


def _parts(node: ast.AST) -> Iterator[ast.expr]:
    """Where texts for people stand."""
    if isinstance(node, ast.Assign | ast.AnnAssign | ast.Return | ast.Yield) and node.value:
        yield node.value
    elif isinstance(node, ast.Dict):
        yield from node.values
    elif isinstance(node, ast.Tuple | ast.List):
        yield from node.elts
    elif isinstance(node, ast.BoolOp):
        yield from node.values
    elif isinstance(node, ast.IfExp):
        yield from (node.body, node.orelse)
    elif isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in _CALLS:
            yield from node.args[_AUDIT_WORDS if name == "Kind" else slice(None)]
        yield from (keyword.value for keyword in node.keywords if keyword.arg in _FIELDS)


def _texts(node: ast.expr) -> list[str]:
    """A string, or all that an f-string can become, with {fields}."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) else []
    if not isinstance(node, ast.JoinedStr):
        return []
    made: list[tuple[str, tuple[str, ...]]] = [("", ())]
    for value in node.values:
        if isinstance(value, ast.Constant):
            made = [(text + str(value.value), names) for text, names in made]
        elif isinstance(value, ast.FormattedValue):
            made = [each for text, names in made for each in _fill(text, names, value.value)]
    return [text for text, _ in made]


def _fill(text: str, names: tuple[str, ...], value: ast.expr) -> Iterator[tuple[str, tuple[str, ...]]]:
    if isinstance(value, ast.IfExp):
        for branch in (value.body, value.orelse):
            if isinstance(branch, ast.Constant | ast.JoinedStr):
                for made in _texts(branch):
                    yield text + made, names
            else:
                yield from _fill(text, names, branch)
        return
    name = base = _name(value)
    while name in names:
        name = f"{base}{names.count(name) + len(names) + 1}"
    yield f"{text}{{{name}}}", (*names, name)


def _name(value: ast.expr) -> str:
    """After what the field is filled with."""
    found = [
        n.attr if isinstance(n, ast.Attribute) else n.id
        for n in ast.walk(value)
        if isinstance(n, ast.Attribute | ast.Name)
    ]
    plain = [
        name for name in found if name not in ("len", "str", "join", "int", "round", "capitalize", "strip", "replace")
    ]
    return (plain or ["value"])[0].lstrip("_")


def _for_people(text: str) -> bool:
    """Whether a string is words: not a key, a query, a format, a file's name."""
    plain = re.sub(r"\{\w+\}", "", text)
    if not _LONGER_WORD.search(plain) or _NOT_WORDS.search(text):
        return False
    return " " in text.strip() or (text[:1].isupper() and text[1:].islower())
