from collections.abc import Callable

class SPAKEError(Exception): ...

class _Side:
    def start(self) -> bytes: ...
    def finish(self, inbound_side_and_message: bytes) -> bytes: ...

class _Asymmetric(_Side):
    def __init__(
        self,
        password: bytes,
        idA: bytes = ...,
        idB: bytes = ...,
        *,
        entropy_f: Callable[[int], bytes] = ...,
    ) -> None: ...

class SPAKE2_A(_Asymmetric): ...
class SPAKE2_B(_Asymmetric): ...

class SPAKE2_Symmetric(_Side):
    def __init__(
        self,
        password: bytes,
        idSymmetric: bytes = ...,
        *,
        entropy_f: Callable[[int], bytes] = ...,
    ) -> None: ...
