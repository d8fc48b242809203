"""A relay's real data plane as a process of its own, to be killed: prints its port and serves.

`python -m tests.integration.tunnel.relay_process PORT NODE`.
"""

import asyncio
import sys

from services.relay.core.admission import Admission, RelayState
from services.relay.core.pairing import PairingTable
from services.relay.data_plane.plane import DataPlane
from services.relay.data_plane.pump import PumpResources
from shared.domain.ids import NodeId
from tests.fakes.containment import contained
from tests.integration.relay.worlds import BootClock, Notes, PlainTickets, listen


async def serve(port: int, node: NodeId) -> None:
    pairings = PairingTable(Admission(100, RelayState()))
    plane = DataPlane(
        node, pairings, PumpResources(BootClock(), contained()), PlainTickets(), Notes()
    )
    listeners = listen(port, "127.0.0.1")
    plane.open(listeners)
    sys.stdout.write(f"{listeners[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), NodeId(sys.argv[2])))
