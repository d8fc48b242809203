"""Shows and changes the cluster: status, primary, switchover, sync, status notifications."""
