"""Pure functions of a state: the catalogue of metrics, their averages and policies, what explains a gap, tables."""
