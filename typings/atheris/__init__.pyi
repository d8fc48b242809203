"""What is used of atheris, which declares no types."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

def Setup(
    args: Sequence[str],
    test_one_input: Callable[[bytes], None],
    *,
    custom_mutator: Callable[[bytes, int, int], bytes] | None = None,
) -> list[str]: ...
def Fuzz() -> None: ...
def Mutate(data: bytes, max_size: int) -> bytes: ...
def instrument_imports(
    include: Sequence[str] = (), exclude: Sequence[str] = (), enable_loader_override: bool = True
) -> AbstractContextManager[None]: ...
