"""What endpoints and relays say to each other, as bytes; nothing here waits or sends."""
