"""A run on disk: one HDF5 file, and the journal of the cycle that is not in it yet."""
