#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest: the sessions of the documents, also those that need what was installed. As a
# user, but for pages that have commands of root.

# shellcheck disable=SC2317 # functions that step calls
# shellcheck source=scripts/step.sh
. /check/step.sh

show()
{
	# An emulated compiler takes its time.
	su -l "$1" -c "DOCS=/check/pages/$1 STEPS=/check/step.sh LIMIT=200 sh /check/page.sh" \
		>"/tmp/pages-$1" 2>&1 && return
	cat "/tmp/pages-$1"
	return 1
}

for each in user root; do
	[ ! -d /check/pages/$each ] ||
		step "what the pages show is what is seen, as $each" show $each
done
[ "$step_count" -gt 0 ] || {
	echo "1..0 # skip: no page has a session"
	exit
}
steps_end
