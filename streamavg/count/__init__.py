"""Arrow in, integers out: kernels, label vocabulary, column encoders and counters; knows no metric."""
