"""The paper's comparison, from configs to tables: what ``tools/reproduce.py`` does."""
