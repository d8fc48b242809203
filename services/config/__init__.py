"""Owns the master state: validates, orders and stores every change of the configuration.

Consumes proposals and reads (from gateways and selectors), grants of its own master's failover
monitor, and the backup's progress. Publishes `config.changed` and writes the cluster log. Only the
primary's config, under a valid grant, accepts changes; the config of every master answers reads.
"""
