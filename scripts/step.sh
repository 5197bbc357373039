# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=sh
#
# For scripts that are a list of steps, each good or bad: to be read in with
# "."; prints TAP.

step_count=0
step_failed=0

# step NAME COMMAND...: good if the command succeeds; else show what it said.
step()
{
	step_name=$1
	shift
	step_count=$((step_count + 1))
	if step_said=$("$@" 2>&1); then
		echo "ok $step_count $step_name"
	else
		printf '%s\n' "$step_said" | sed 's/^/# /'
		echo "not ok $step_count $step_name"
		step_failed=1
	fi
}

# silent COMMAND...: succeeds only if the command does, and says nothing.
silent()
{
	silent_said=$("$@" 2>&1 >/dev/null) || {
		printf '%s\n' "$silent_said"
		return 1
	}
	[ -z "$silent_said" ] || {
		printf '%s\n' "$silent_said"
		return 1
	}
}

# is WANTED COMMAND...: the command writes exactly this, with errors.
is()
{
	step_wanted=$1
	shift
	step_seen=$("$@" 2>&1)
	[ "$step_seen" = "$step_wanted" ] || {
		printf 'wanted:\n%s\nseen:\n%s\n' "$step_wanted" "$step_seen"
		return 1
	}
}

# status WANTED COMMAND...: the command exits with this status. What it says is in
# /tmp/said.
status()
{
	step_wanted=$1
	shift
	"$@" >/tmp/said 2>&1
	step_seen=$?
	[ "$step_seen" = "$step_wanted" ] || {
		cat /tmp/said
		echo "status $step_seen, not $step_wanted"
		return 1
	}
}

# To be called at the end.
steps_end()
{
	echo "1..$step_count"
	exit $step_failed
}
