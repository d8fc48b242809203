"""A call of the API as a value: the request, and the type that its answer is read as.

```python
def cluster_status() -> Call[ClusterStatus]:
    return Call("GET", "/status", TypeAdapter(ClusterStatus))
```
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final, Generic, TypeVar
from urllib.parse import quote, urlencode

from pydantic import BaseModel, TypeAdapter

API: Final = "/api/v1"
CALL_SECONDS: Final = 18.0

R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Call(Generic[R]):
    """One request below `/api/v1`, given up after about *seconds*."""

    method: str
    path: str
    answer: TypeAdapter[R]
    body: BaseModel | Mapping[str, object] | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    seconds: float = CALL_SECONDS

    def at(self, path: str) -> "Call[R]":
        """The same call of another *path*, which may begin with `/api/v1`."""
        return replace(self, path=path.removeprefix(API))


def path_of(*parts: str, **parameters: str) -> str:
    """The path of *parts*, each of them quoted, with *parameters*."""
    path = "".join(f"/{quote(part, safe='')}" for part in parts)
    return f"{path}?{urlencode(parameters)}" if parameters else path
