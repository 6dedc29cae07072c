"""Tables held against what others publish: run `make conformance` to write docs/conformance.md."""
