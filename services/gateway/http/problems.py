"""Answers every error of the API with a problem document (RFC 9457).

`type` is this project's name of the problem, `code` the same for programs, `detail` the sentence
for people; what else the error knows (a field, referrers, a time to wait) is a further member.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from shared.api.problems import MEDIA_TYPE, TYPES, Problem
from shared.clusterlog.log import LogConflict
from shared.domain.errors import (
    AlreadyExists,
    AlreadyPrimary,
    AlreadyTaken,
    AnotherHistory,
    BackupRefused,
    BadSignature,
    Forbidden,
    InUse,
    InvalidChange,
    InvalidTicket,
    LogNotLost,
    MasterSilent,
    MeridianError,
    NoHistory,
    NotFound,
    NotPrimary,
    NotReady,
    PromotionUnderWay,
    QuorumThere,
    Rejected,
    RequestReused,
    RevisionConflict,
    ServerNotAlone,
    SessionEnded,
    StaleEpoch,
    TooLarge,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
    UnderWay,
)

RETRY_SECONDS: Final = 2
"""When to try again, if the error does not say."""

STATUSES: Final[Mapping[type[MeridianError], HTTPStatus]] = {
    MeridianError: HTTPStatus.INTERNAL_SERVER_ERROR,
    Rejected: HTTPStatus.BAD_REQUEST,
    Unauthenticated: HTTPStatus.UNAUTHORIZED,
    **dict.fromkeys((BadSignature, Forbidden, InvalidTicket), HTTPStatus.FORBIDDEN),
    NotFound: HTTPStatus.NOT_FOUND,
    **dict.fromkeys(
        (
            *(AlreadyExists, AlreadyPrimary, AlreadyTaken, AnotherHistory, InUse, LogConflict),
            *(LogNotLost, MasterSilent, NoHistory, NotReady, PromotionUnderWay, QuorumThere),
            *(RequestReused, ServerNotAlone, StaleEpoch, UnderWay),
        ),
        HTTPStatus.CONFLICT,
    ),
    SessionEnded: HTTPStatus.GONE,
    RevisionConflict: HTTPStatus.PRECONDITION_FAILED,
    TooLarge: HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
    NotPrimary: HTTPStatus.MISDIRECTED_REQUEST,
    **dict.fromkeys((BackupRefused, InvalidChange), HTTPStatus.UNPROCESSABLE_ENTITY),
    TooManyRequests: HTTPStatus.TOO_MANY_REQUESTS,
    Unavailable: HTTPStatus.SERVICE_UNAVAILABLE,
}
"""The status of an error is that of its nearest class here."""

CODES: Final = {404: "not_found", 405: "method_not_allowed"}

RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "Refused, or not possible now",
        "content": {MEDIA_TYPE: {"schema": Problem.model_json_schema()}},
    }
}
"""What every operation may answer instead of its success."""


def status_of(error: MeridianError) -> HTTPStatus:
    """Return the HTTP status that *error* is answered with."""
    known = (STATUSES.get(each) for each in type(error).__mro__)
    return next(status for status in known if status is not None)


def answer_with_problems(api: FastAPI) -> None:
    """Let *api* answer every error with a problem document."""
    api.add_exception_handler(MeridianError, _refused)
    api.add_exception_handler(RequestValidationError, _misshapen)
    api.add_exception_handler(HTTPException, _no_such_route)
    api.add_exception_handler(Exception, _failed)


def problem(
    status: int,
    code: str,
    detail: str,
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Make the answer with *detail* as its sentence and *more* as further members."""
    body = {
        **(more or {}),
        "type": f"{TYPES}{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return JSONResponse(body, status, headers, media_type=MEDIA_TYPE)


def answer_to(error: MeridianError) -> Response:
    """Make the problem document of *error*, with the headers that belong to it."""
    more, headers = dict(error.attributes), dict[str, str]()
    if isinstance(error, Unavailable):
        more.setdefault("retry_after_seconds", RETRY_SECONDS)
    if "retry_after_seconds" in more:
        headers["Retry-After"] = str(more["retry_after_seconds"])
    status = status_of(error)
    if status is HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, error.code, error.message, more, headers)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, MeridianError), "registered for these alone"
    return answer_to(error)


async def _misshapen(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError), "registered for these alone"
    first = error.errors()[0]
    field = ".".join(map(str, first["loc"][1:]))  # the first part is body, path, query or header
    detail = f"{field or 'body'}: {first['msg'].removeprefix('Value error, ')}"
    return problem(422, "invalid_request", detail, {"field": field})


async def _no_such_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException), "registered for these alone"
    if isinstance(error.__cause__, MeridianError):  # the framework hides what its body's reader met
        return await _refused(request, error.__cause__)
    status = error.status_code
    details = {
        404: f"there is nothing at {request.url.path}",
        405: f"{request.url.path} does not take {request.method}",
    }
    detail = details.get(status, str(error.detail))
    return problem(status, CODES.get(status, "error"), detail, headers=error.headers)


async def _failed(_: Request, error: Exception) -> Response:
    del error
    return problem(500, "error", "the site failed at this; its log says why")
