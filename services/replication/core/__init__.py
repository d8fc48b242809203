"""What a follower decides: is this the next entry, and is its own history still the log's."""
