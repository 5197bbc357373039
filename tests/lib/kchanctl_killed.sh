#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# kchanctl work, while its processes are killed: no job is lost, and only those whose
# process was killed are done twice. KCHAN_JOBS says how many jobs. Runs with busybox
# alone. TAP.

# shellcheck disable=SC2016,SC2317 # other shells' words; functions that step calls
set -u

# shellcheck source=scripts/step.sh
. "$STEPS"
# shellcheck source=tests/lib/common/names.sh
. "${STEPS%/*}/names.sh"

jobs=${KCHAN_JOBS:-2000}
case ${KCHAN_TEST_SCALE:-1} in
0*) jobs=$((jobs / 10)) ;;
esac

# A job writes its number when it is done. Some kill their keeper, or themselves, before
# that or after it, the first time that they are run. Some kill the supervisor, which does
# no harm to them.
cat >/tmp/job <<'END'
#!/bin/sh
kill_one()
{
	[ "$KCHAN_RETURNS" = 0 ] || return
	case $1-$((KCHAN_NUMBER % 25)) in
	before-3 | after-4) victim=$PPID ;;
	before-8 | after-9) victim=$$ ;;
	after-14)
		read -r victim </tmp/supervisor
		echo "$victim" >>/tmp/supervisors
		kill -9 "$victim"
		return
		;;
	*) return ;;
	esac
	echo "$KCHAN_NUMBER" >>/tmp/killed
	kill -9 "$victim"
}

kill_one before
echo "$KCHAN_NUMBER" >>/tmp/done
kill_one after
END
chmod +x /tmp/job

# A supervisor works until its channel has ended. A killed one is replaced at once.
supervise()
{
	until sh -c 'echo $$ >/tmp/supervisor
		exec kchanctl work -q -j 8 -b 10ms /run/kchan/jobs -- /tmp/job'; do
		:
	done
	: >/tmp/ended
}

# number_of KEEPER: sets $number to that of its job, or to nothing. A keeper that has no
# lease any more has ended its job.
number_of()
{
	number=
	for info in "/proc/$1/fdinfo"/*; do
		while read -r key value; do
			[ "$key" != kchan-lease-number: ] || number=$value
		done <"$info"
	done
}

# Kills one of the keepers, or its command.
kill_job()
{
	# shellcheck disable=SC2046 # several words
	set -- $(ours kchan-keeper)
	[ $# -gt 0 ] || return
	shift $((turn % $#))
	number_of "$1"
	[ -n "$number" ] || return
	victim=$1
	[ $((turn % 2)) -eq 0 ] || read -r victim _ <"/proc/$1/task/$1/children"
	echo "$number" >>/tmp/killed
	kill -9 "$victim"
}

# Each fifth second the supervisor, else a job.
kill_one()
{
	turn=$((turn + 1))
	if [ $((turn % 100)) -eq 0 ]; then
		read -r victim </tmp/supervisor
		echo "$victim" >>/tmp/supervisors
		kill -9 "$victim"
	else
		kill_job
	fi
}

# fresh NR: a closed queue of so many jobs, and nothing of the last step.
fresh()
{
	rm -f /tmp/ended
	: >/tmp/done
	: >/tmp/killed
	: >/tmp/supervisors
	anew jobs -s 16 -c "$1" || return
	seq "$1" | kchanctl send /run/kchan/jobs || return
	kchanctl close /run/kchan/jobs
}

# all_done NR: each job was done, and none is left.
all_done()
{
	is "$1" value jobs settled || return
	is "0 0 0" echo "$(value jobs len) $(value jobs in_flight) $(value jobs dropped)" ||
		return
	seq 0 $(($1 - 1)) >/tmp/all
	cut -d' ' -f1 /tmp/done | sort -un | cmp - /tmp/all
}

killed_at_random()
{
	fresh "$jobs" || return
	supervise 2>/dev/null &
	turn=0
	until [ -e /tmp/ended ]; do
		usleep 50000
		kill_one 2>/dev/null
	done
	# Keepers of a supervisor that was killed may still be at work.
	kchanctl wait -t 1m /run/kchan/jobs || return
	all_done "$jobs" || return
	cut -d' ' -f1 /tmp/done | sort -n | uniq -d >/tmp/twice
	cat >/tmp/table <<-END
		jobs                              $jobs
		keepers and commands killed       $(wc -l </tmp/killed)
		supervisors killed                $(wc -l </tmp/supervisors)
		jobs that were done twice         $(wc -l </tmp/twice)
		acknowledged                      $(value jobs settled)
		still queued                      $(value jobs len)
	END
	[ -s /tmp/killed ] || return
	sort -n /tmp/killed | uniq >/tmp/allowed
	# Only jobs whose keeper or command was killed.
	while read -r number; do
		grep -qx "$number" /tmp/allowed || {
			echo "job $number was done twice, and nobody killed it"
			return 1
		}
	done </tmp/twice
}

# A worker is replaced by another one, again and again, and no job has failed for that.
replaced()
{
	nr=$((jobs / 4))
	fresh "$nr" || return
	command='sleep 0.1; echo "$KCHAN_NUMBER $KCHAN_RETURNS" >>/tmp/done'
	kchanctl work -j 8 /run/kchan/jobs -- sh -c "$command" &
	old=$!
	for _ in 1 2 3 4 5; do
		kchanctl work -j 8 -g 50ms /run/kchan/jobs -- sh -c "$command" &
		new=$!
		sleep 0.5
		kill "$old" 2>/dev/null
		wait "$old"
		is 0 echo $? || return
		old=$new
	done
	wait "$old"
	all_done "$nr" || return
	# What was returned does not count.
	is '' grep -v ' 0$' /tmp/done
}

step "processes are killed at random" killed_at_random
[ ! -e /tmp/table ] || sed 's/^/# /' /tmp/table
step "workers are replaced" replaced
steps_end
