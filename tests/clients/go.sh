#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Go's os.File. TAP.

# shellcheck source=tests/clients/name.sh
. /t/name.sh

/t/tools/gofile "$queue"
