"""Files of a site on this machine: its configuration as YAML, backups, a new site's secrets."""
