"""Programs that write what ships, or compare it with where it comes from."""
