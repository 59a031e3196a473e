"""What each command does to the store, by a cycle or in a transaction; no actor in here."""
