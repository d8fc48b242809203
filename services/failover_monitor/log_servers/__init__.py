"""Cares for the log's servers while this master is primary: streams, leaders and storage."""
