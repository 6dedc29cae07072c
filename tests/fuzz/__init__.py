"""Fuzzing the readers of files that strangers write (`make fuzz`). What was found is in corpus/, tried in every run."""
