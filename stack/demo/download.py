"""A large download that notices every pause."""

import asyncio
import hashlib
import time
from dataclasses import dataclass

CHUNK_BYTES = 256 * 1024


@dataclass
class Pause:
    """The longest silence since *since*: how long it was, and when the byte after it came."""

    since: float
    last: float
    longest: float = 0.0
    ended: float = 0.0

    def arrived(self, now: float) -> None:
        if now - self.last >= self.longest:
            self.longest, self.ended = now - self.last, now
        self.last = now

    @property
    def resumed_after(self) -> float:
        """Return the seconds from *since* to the first byte after the longest silence."""
        return self.ended - self.since


@dataclass
class Download:
    """One HTTP/1.1 download from *port* on loopback, hashed on the way."""

    port: int
    path: str
    arrived: int = 0
    length: int = 0
    digest: str = ""
    pause: Pause | None = None

    async def run(self) -> None:
        """Download the whole file.

        Raises:
            EOFError: the connection ended before the announced length.
        """
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, limit=2**22)
        request = f"GET /{self.path} HTTP/1.1\r\nHost: demo\r\nConnection: close\r\n\r\n"
        writer.write(request.encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        self.length = next(
            int(line.split(":")[1]) for line in head.splitlines() if line.startswith("content-len")
        )
        checksum = hashlib.sha256()
        while self.arrived < self.length:
            data = await reader.read(CHUNK_BYTES)
            if not data:
                raise EOFError(f"the download ended after {self.arrived} of {self.length} bytes")
            self.arrived += len(data)
            if self.pause is not None:
                self.pause.arrived(time.monotonic())
            checksum.update(data)
        writer.close()
        self.digest = checksum.hexdigest()

    @property
    def share(self) -> float:
        """Return the part of the download that has arrived, from 0 to 1."""
        return self.arrived / self.length if self.length else 0.0

    def watch_for_pause(self) -> Pause:
        """Measure the longest silence from now on."""
        now = time.monotonic()
        self.pause = Pause(since=now, last=now)
        return self.pause

    def stop_watching(self) -> None:
        """Stop measuring, since the silence that was looked for is over; ignore later ones."""
        self.pause = None
