"""Accepts connections before uvicorn: limits by source, PROXY headers, TLS, deadlines, headers."""
