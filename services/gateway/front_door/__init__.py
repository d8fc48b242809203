"""Accepts connections before uvicorn: counts, PROXY headers, TLS, deadlines, security headers."""
