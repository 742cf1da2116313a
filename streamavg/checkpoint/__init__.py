"""Snapshot and position <-> one small safe file, atomically: its format, its one writer, and how it is replaced."""
