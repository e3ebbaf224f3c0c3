"""Web pages of other origins that may use the service (CORS, https://fetch.spec.whatwg.org/#http-cors-protocol)."""

from collections.abc import Collection

from flask import Blueprint, Response, request

_HEADERS = {
    "Access-Control-Allow-Methods": "GET, POST, PUT, DELETE, OPTIONS",
    "Access-Control-Allow-Headers": "Authorization, Accept, Content-Type",
    "Access-Control-Expose-Headers": "Content-Location, Location, Warning, X-Total-Count",
    "Access-Control-Max-Age": "600",
}


def allow(blueprint: Blueprint, origins: Collection[str]) -> None:
    """Let pages of these origins in; without any, browsers keep all other pages out."""

    @blueprint.after_request
    def add_headers(answer: Response) -> Response:
        origin = request.headers.get("Origin", "")
        if origin in origins:
            answer.headers["Access-Control-Allow-Origin"] = origin
            answer.headers.update(_HEADERS)
        answer.vary.add("Origin")
        return answer
