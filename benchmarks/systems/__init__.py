"""One system a file: how it starts work, how it does it, and what it promises."""
