"""Doors: foreign APIs that lead to the board, one package each; no state of their own."""
