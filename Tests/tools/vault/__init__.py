"""The second implementation of the vault format and the vectors made with it; test-only."""
