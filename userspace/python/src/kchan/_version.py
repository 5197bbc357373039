# SPDX-License-Identifier: LGPL-2.1-or-later
"""The version of the package: that of the libkchan that it was written for."""

VERSION = "0.1.0"
