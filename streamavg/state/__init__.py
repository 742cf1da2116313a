"""The waist: immutable integer states that add and subtract; numpy only, no Arrow, no metric, no file."""
