"""Archives the events about the site's status in the database of each master."""
