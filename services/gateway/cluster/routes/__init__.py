"""HTTP of the cluster: status, sync, switchover and promotion, status history, health."""
