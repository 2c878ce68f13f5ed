"""What pytest leaves alone: the parts of the judge's program, which find each other when that runs as a script."""

collect_ignore = ["byte_damage.py", "checksums.py", "good_runs.py", "journal_damage.py", "judge.py", "object_damage.py"]
