"""A relay's real data plane as a process of its own, to be killed: prints its port and serves.

`python -m tests.integration.tunnel.relay_process PORT NODE`.
"""

import asyncio
import sys

from services.relay.core.admission import Admission, RelayState
from services.relay.core.pairing import PairingTable
from services.relay.data_plane.listener import listen
from services.relay.data_plane.plane import DataPlane
from services.relay.data_plane.pump import PumpResources
from shared.domain.ids import NodeId
from tests.fakes.containment import contained
from tests.integration.relay.worlds import BootClock, Notes, PlainTickets


async def serve(port: int, node: NodeId) -> None:
    pairings = PairingTable(Admission(100, RelayState()))
    plane = DataPlane(
        node, pairings, PumpResources(BootClock(), contained()), PlainTickets(), Notes()
    )
    listener = listen("127.0.0.1", port)
    plane.open(listener)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), NodeId(sys.argv[2])))
