"""The relay protocol as bytes, and its dialling side; nothing here waits or sends."""
