"""Who may open which address: every view states its least role, and nothing without a statement is served."""

from collections.abc import Callable
from typing import Any, TypeVar

from flask import Flask

from appliance.accounts.roles import Role

View = TypeVar("View", bound=Callable[..., Any])
PUBLIC = "public"


def needs(role: Role | str, *, again: bool = False) -> Callable[[View], View]:
    """State the least role of a view, or PUBLIC; `again` asks for the password once more before something grave."""

    def mark(view: View) -> View:
        view.needs_role = role  # type: ignore[attr-defined]  # marks on the function, read below
        view.needs_password = again  # type: ignore[attr-defined]  # a mark on the view
        return view

    return mark


def stated_role(app: Flask, endpoint: str) -> str | None:
    """The role that a view states; static files are public, DICOMweb checks its own tokens."""
    if endpoint == "static" or endpoint.startswith("dicomweb."):
        return PUBLIC
    return getattr(app.view_functions[endpoint], "needs_role", None)


def asks_again(app: Flask, endpoint: str) -> bool:
    """Whether a view asks for the password once more."""
    return bool(getattr(app.view_functions[endpoint], "needs_password", False))
