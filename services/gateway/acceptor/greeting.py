"""Reads what comes before TLS: from load balancers the PROXY header, from everybody a first byte.

Exactly the header's bytes are taken from the socket, so that TLS begins where it begins. Until the
first byte has come a connection costs its socket and this object, and no buffer.
"""

import socket

from shared.wire.proxy_protocol import ProxyHeader, missing_bytes, parse_proxy_header


class Greeting:
    """The begin of one connection; *header* is the PROXY header, once it has come."""

    __slots__ = ("_connection", "_data", "_expects_header", "header")

    def __init__(self, connection: socket.socket, *, expects_header: bool) -> None:
        self.header: ProxyHeader | None = None
        self._connection = connection
        self._expects_header = expects_header
        self._data = b""

    def read(self) -> bool:
        """Take what the socket has; say whether TLS may begin.

        Raises:
            BadProxyHeader: the load balancer did not send one.
            ConnectionResetError: the peer has left.
            BlockingIOError: there is nothing more for now.
            OSError: the connection broke.
        """
        while self._expects_header:
            received = self._connection.recv(missing_bytes(self._data))
            if not received:
                raise ConnectionResetError("the peer left before its header was whole")
            self._data += received
            self.header = parse_proxy_header(self._data)
            self._expects_header = self.header is None
        if not self._connection.recv(1, socket.MSG_PEEK):
            raise ConnectionResetError("the peer left without a byte")
        return True
