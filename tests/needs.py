"""Marks tests that need a program of the system, such as a browser or ffprobe."""

import shutil

import pytest

PREFIX = "needs "  # how conftest.py knows such a skip from others


def needs(*programs: str) -> pytest.MarkDecorator:
    """Skip the test where one of `programs` is not on PATH; the run's summary names program and test."""
    missing = [program for program in programs if shutil.which(program) is None]
    return pytest.mark.skipif(bool(missing), reason=PREFIX + ", ".join(missing or programs))
