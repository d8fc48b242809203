"""HTTP for every room: the server, bodies within bounds, headers, pages and problem documents."""
