"""The schema of a run: what `schema/run-1.0.yaml` says, as values, and the checks that follow from it."""
