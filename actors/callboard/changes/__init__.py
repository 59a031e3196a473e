"""What each command does inside a transaction; one noun a file, no actor in here."""
