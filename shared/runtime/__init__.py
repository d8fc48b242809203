"""How a service lives: its clock, its settings' meaning, start, health, log and end."""
