"""The front door's HTTP: one module an area, each a router over the gateway's parts."""
