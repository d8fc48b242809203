"""Serves the cluster over HTTP: status, sync, switchover, promotion, status history, health."""
