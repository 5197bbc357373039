#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# Runs the sessions of pages, and compares what is written with what the pages show. Runs
# with busybox alone. TAP.
#
# In $DOCS is a folder for each page, as tests/docs/blocks makes it, and beside them
# "tools": what stands in a guest for a compiler. The sessions are run in $PAGE, and have
# $LIMIT seconds each.

# shellcheck disable=SC2317 # functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"

place=${PAGE:-/tmp/page}
# The shell that most readers have. Busybox's runs its own head and dd, whatever PATH is.
shell=$DOCS/tools/bash
[ -x "$shell" ] || shell="sh"

# As the mount unit does, where kchan is installed.
mounted=
[ ! -c /dev/kchan ] || grep -q ' /run/kchan kchan ' /proc/mounts || {
	mkdir -p /run/kchan
	mount -t kchan kchan /run/kchan && mounted=yes
}

# Fails if a process that a page has started still uses a name.
unmount()
{
	umount /run/kchan
}

# same WANTED SEEN: the lines are the same; in WANTED, a line "..." stands for any lines.
same()
{
	awk -v seen="$2" '
	function fail(text)
	{
		print text
		bad = 1
		exit 1
	}
	{
		if ($0 == "...") {
			any = 1
			next
		}
		do {
			if ((getline line <seen) <= 0)
				fail("wanted: " $0 "\nand nothing more is written")
			if (line != $0 && !any)
				fail("wanted: " $0 "\nseen:   " line)
		} while (line != $0)
		any = 0
	}
	END {
		if (bad)
			exit 1
		if (!any && (getline line <seen) > 0)
			fail("not in the page: " line)
	}' "$1" || {
		sed 's/^/| /' "$2"
		return 1
	}
}

# page FOLDER
page()
{
	rm -rf "$place"
	mkdir "$place"
	for file in "$1"/files/*; do
		[ ! -e "$file" ] || cp "$file" "$place" || return
	done
	(
		cd "$place" || exit
		PATH=$DOCS/tools:$PATH PROGRAMS=$1/programs timeout "${LIMIT:-60}" \
			"$shell" "$1/session.sh" >"$place.seen" 2>&1 </dev/null
	)
	same "$1/wanted" "$place.seen"
}

for each in "$DOCS"/*/session.sh; do
	folder=${each%/*}
	step "what ${folder##*/} shows is what is seen" page "$folder"
done
[ -z "$mounted" ] || step "no page leaves a process with a channel" unmount
steps_end
