"""What compares and measures: nothing of the plugin itself imports it."""
