"""Questions to a run: lineage graphs, tables, frames and observables, of files and of records in memory alike."""
