"""Which backbones and segmentors go together: what ``tools/check_combinations.py`` does."""
