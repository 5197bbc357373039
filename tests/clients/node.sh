#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# node. TAP.

# shellcheck source=tests/clients/name.sh
. /t/name.sh

/t/tools/node /t/node.js "$queue"
