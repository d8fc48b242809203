"""Notifies receivers outside of what happens in the site, by HTTP POST.

Owns one place in the stream of events for each webhook, kept by JetStream, so that it survives
every master. Consumes grants, heartbeats and the stream `EVENTS`; asks config for the webhooks;
reports when a receiver fails, takes events again, or will never get one. It delivers on the
primary alone.
"""
