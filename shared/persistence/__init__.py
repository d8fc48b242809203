"""PostgreSQL: the pool, the migrations, and the master state that config and replication share."""
