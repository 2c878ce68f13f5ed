"""Runs of other programs, read into files of this library.

How an importer is made: look through the foreign file (`importers.foreign.Foreign`: opened safely, its datasets read
with guards), say what the run is (a `Header` without provenance), yield what happened cycle by cycle (`CycleFacts`),
and hand all of it to `importers.conduct.conduct`, which builds the cycles, streams them into a file that appears when
it is complete, and writes the report and the provenance.

```python
def import_other(path, output, *, overwrite=False, progress=None) -> ImportReport:
    with Foreign(path) as foreign:
        notes = Notes()                                # told what is taken, what is left out and why, what is unknown
        material = Material(
            source="other", version="3",               # format and version
            header=Header(layout=..., static=...),     # provenance is added
            n_cycles=..., rows={"segment": ...},       # how much there will be
            cycles=generator_of_cycle_facts(foreign, notes),
            planned=lambda: arrays_of_next_or_none,    # called after the last cycle
        )
        return conduct(foreign, material, notes, output, overwrite=overwrite, progress=progress)
```

Add the format to `store.opening.foreign_format` and to `importers.run`, for `import_run` and the command.
"""
