"""Binners: from order parameters to bins."""

from wepy.binning.rectilinear import Rectilinear

__all__ = ["Rectilinear"]
