"""What `meridian` can be told to do, one module an area."""
