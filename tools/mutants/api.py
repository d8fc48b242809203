"""The guards of the API's client and of the control channel, each broken once."""

from typing import Final

from tools.mutants.mutant import Mutant

CLIENT: Final = "shared.api.client"
CHANNEL: Final = "shared.api.channel"
SESSION: Final = "shared.domain.session"
UNIT: Final = ("tests/unit/api",)
GOLDEN: Final = ("tests/contract/test_golden_channel.py",)

API: Final = (
    Mutant(
        "a client asks one gateway only",
        CLIENT,
        "self._gateways.append(self._gateways.pop(0))",
        "pass",
        UNIT,
    ),
    Mutant(
        "a client without time gives up at once",
        CLIENT,
        "return self._now() >= until",
        "return True",
        UNIT,
    ),
    Mutant(
        "a site that is not trusted is asked again",
        CLIENT,
        'if "CERTIFICATE_VERIFY_FAILED" in failure.message:',
        "if False:",
        UNIT,
    ),
    Mutant(
        "a refused download is taken for a backup",
        CLIENT,
        "if not answer.is_success:",
        "if False:",
        UNIT,
    ),
    Mutant(
        "a path leads to any port",
        CHANNEL,
        "not 0 < path.port <= LARGEST_PORT",
        "False",
        GOLDEN,
    ),
    Mutant(
        "a close reason of tomorrow breaks the channel",
        SESSION,
        "return cls.OTHER if isinstance(value, str) else None",
        "return None",
        GOLDEN,
    ),
)
