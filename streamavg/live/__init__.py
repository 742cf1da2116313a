"""Live outputs of a stream that does not end: what is known now, and who is told of it."""
