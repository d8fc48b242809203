"""Gives each route the application service that its signature names, and nothing else.

The composition root registers one object of each class; a route declares what it uses:
`Annotated[Accounts, Depends(provided(Accounts))]`.
"""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from fastapi import FastAPI
from starlette.requests import HTTPConnection

T = TypeVar("T")


def provide(api: FastAPI, *services: object) -> None:
    """Register *services*, one of each class, for the routes of *api*."""
    api.state.services = {type(each): each for each in services}


def provided(kind: type[T]) -> Callable[[HTTPConnection], Awaitable[T]]:
    """Make a dependency that finds the registered service of class *kind*.

    It is a coroutine only because the framework runs any other dependency in a thread.
    """

    async def find(connection: HTTPConnection) -> T:
        services: dict[type[object], object] = connection.app.state.services
        service = services[kind]
        assert isinstance(service, kind), "registered by its own class"
        return service

    return find
