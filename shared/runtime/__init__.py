"""The life of a service: its clock, its settings' meaning, start, health, log and end."""
