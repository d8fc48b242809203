"""Decides what DNS is told of a client and whom a kept answer is for; asks nobody."""
