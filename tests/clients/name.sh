# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For the clients that use the name of a channel: to be read in with ".". It makes the name
# $queue, of messages of up to 4096 bytes, in a namespace of the script's own.

queue=/tmp/clients/queue
mkdir -p /tmp/clients
mount -t kchan kchan /tmp/clients
mkfifo -m 660 $queue
trap 'umount /tmp/clients' EXIT
