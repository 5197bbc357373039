# SPDX-License-Identifier: LGPL-2.1-or-later
"""The extension that build_libkchan.py builds."""

from typing import Any

ffi: Any
lib: Any
