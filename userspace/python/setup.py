# SPDX-License-Identifier: LGPL-2.1-or-later
"""The part of the build that pyproject.toml has no words for: the C extension."""

from setuptools import setup

setup(
    cffi_modules=["build_libkchan.py:ffi"],
    # One wheel for this and all later versions of Python.
    options={"bdist_wheel": {"py_limited_api": "cp311"}},
)
