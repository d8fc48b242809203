"""Decides who is admitted, who meets whom and how fast; knows no socket and no clock."""
