"""The door for users of Spring Batch: its JobOperator's calls under /api."""
