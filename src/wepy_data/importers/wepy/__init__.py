"""Finished runs of the other wepy (wepy 1.x: WepyHDF5 files), read into files of this library.

What such a file means: a frame is a walker after dynamics and before warping and resampling, one for each walker and
cycle. `warping` records say which walkers were recycled after that, `resampling` records who was cloned and merged
then, in one step or several. Of each record group the docstring of the module says more that reads it.
"""
