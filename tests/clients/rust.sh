#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Rust's standard library. TAP.

# shellcheck source=tests/clients/name.sh
. /t/name.sh

/t/tools/rust-std "$queue"
