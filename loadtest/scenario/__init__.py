"""Scenarios of matches as files: what is in them, how they are checked, and the curve of viewers that they mean.

Nothing here simulates, and no clock or randomness may be used.
"""
