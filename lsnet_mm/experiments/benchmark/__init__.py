"""Systems side by side in one process: what ``tools/benchmark.py`` does."""
