"""scarcity: host processes that run out of something, or lose it."""
