"""Derived values to text, JSON, CSV, Markdown and Parquet; a renderer is one function and one table entry."""
