"""The shipped specs: one YAML file for each network."""
