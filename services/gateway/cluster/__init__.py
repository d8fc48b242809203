"""The cluster as this gateway hears it: status, primary, switchover, sync, status notifications."""
