#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# The KUnit tests, as one of a guest's programs: their module is loaded in place of
# kchan, runs them, and debugfs keeps their words. Runs with busybox alone.

set -eu

rmmod kchan
insmod /t/kchan_kunit.ko
# For addresses in what is told of it when it is gone.
echo "# .text at $(cat /sys/module/kchan_kunit/sections/.text)"
cat /sys/kernel/debug/kunit/*/results
rmmod kchan_kunit
insmod /vm/kchan.ko
