#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# What gdb shows of a program that uses the installed library: for both forms of the
# library, for a process and for a core file. This needs no /dev/kchan; gdb_channels.sh
# has the rest. On the machine that builds. TAP.

# shellcheck disable=SC2016,SC2317 # gdb's variables; functions that step calls
set -u

cd "$(dirname "$0")/../.." || exit
# shellcheck source=scripts/step.sh
. "$PWD/scripts/step.sh"

gdb -nx -batch -ex 'python print(1)' -ex 'run' -ex 'print $_exitcode' /bin/true \
	2>&1 | grep -q '^\$1 = 0$' || {
	echo "1..0 # SKIP no gdb with Python here, or it may not trace"
	exit 0
}

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/opt
autoload=$root/share/gdb/auto-load

# The numbers of the goroutines, as the program starts them.
mutex=2 group=3 cond=4 sem=5 time=6 nil=7 elsewhere=8

# debug OPTION...: gdb, with the settings that the manual pages tell for any prefix.
debug()
{
	gdb -nx -batch -iex "add-auto-load-scripts-directory $autoload" \
		-iex "add-auto-load-safe-path $autoload" \
		-iex "add-auto-load-safe-path $work/static" "$@" 2>&1
}

# In a file, since there are many. Names are those of the steps.
commands()
{
	cat <<-END
	echo == list\n
	info goroutines
	echo == bt\n
	goroutine $mutex bt
	echo == up\n
	goroutine $group up 100
	echo == after\n
	info goroutines
	echo == all\n
	goroutine all bt
	echo == values\n
	print lock
	print free_lock
	print group
	print empty_group
	print *plain
	print *wrapped
	print *background
	print *cancelled
	print *timed
	print *valued
	print *without
	print/r lock
	echo == switch\n
	goroutine $time
	echo == there\n
	info goroutines
	echo == end\n
	END
}

install()
{
	make -s -C userspace install PREFIX="$root" LIBDIR="$root/lib" || return
	set -- gcc -O1 -g -pthread -I"$root/include" tests/lib/gdb/waits.c
	"$@" -o "$work/shared" -L"$root/lib" -Wl,-rpath,"$root/lib" -lkchan &&
		"$@" -static -o "$work/static" "$root/lib/libkchan.a"
}

# gdb loads the script by itself, without a message.
loaded()
{
	debug "$work/$1" -ex 'break main' -ex 'run' -ex 'help goroutine' \
		-ex 'info pretty-printer global kc_' >"$work/said" || return
	grep -q '^Go to a goroutine' "$work/said" && ! grep -qi warning "$work/said" &&
		return
	cat "$work/said"
	return 1
}

# gdb reports a script that is not trusted, and does not run it.
not_trusted()
{
	gdb -nx -batch "$work/static" -ex 'info goroutines' >"$work/said" 2>&1
	grep -q 'auto-loading has been declined' "$work/said" &&
		grep -q 'Undefined info command' "$work/said"
}

run()
{
	commands >"$work/commands"
	debug "$work/$1" -ex 'break ready' -ex 'run' -ex "source $work/commands" \
		-ex "generate-core-file $work/core" >"$work/said"
}

core()
{
	debug "$work/$1" "$work/core" -ex "source $work/commands" >"$work/said"
}

attach()
{
	mkfifo "$work/fifo"
	"$work/$1" stay >"$work/fifo" &
	pid=$!
	read -r _ <"$work/fifo"
	rm "$work/fifo"
	debug -p "$pid" -ex "source $work/commands" >"$work/said"
	kill -KILL "$pid"
	wait "$pid" 2>/dev/null
	true
}

# part NAME: the output of this part.
part()
{
	sed -n "/^== $1\$/,/^==/p" "$work/said" | grep -v '^=='
}

# has NAME PATTERN...: each pattern matches a line of the part.
has()
{
	name=$1
	part "$name" >"$work/part"
	shift
	for each in "$@"; do
		grep -qE -- "$each" "$work/part" && continue
		echo "not there: $each"
		cat "$work/said"
		return 1
	done
}

# line MARK NUMBER NAME STATE FOR ON WHERE: it is in the list.
line()
{
	has "$part" "^$1 $2 +$3 +[0-9]+ +$4 +$5 +$6 +$7 at waits\.c:[0-9]+\$"
}

# list PART FOR SELECTED MAIN: the whole list; main's goroutine is in function MAIN.
list()
{
	part=$1
	at='0x[0-9a-f]+ <'
	while read -r number name state_on where; do
		mark=' '
		[ "$number" != "$3" ] || mark='[*]'
		case $state_on in
		running) since= ;;
		*) since=$2 ;;
		esac
		state=${state_on%%:*}
		on=
		[ "$state" = "$state_on" ] || on="$at${state_on#*:}>"
		[ "$name" != - ] || name=
		[ "$where" != main ] || where=$4
		line "$mark" "$number" "$name" "$(echo "$state" | tr _ ' ')" "$since" \
			"$on" "$where" || return
	done <<-END
	1 - running main
	$mutex mutex mutex_lock:lock wait_mutex
	$group group waitgroup_wait:group wait_group
	$cond cond cond_wait:cond wait_cond
	$sem sem semaphore_acquire:sem wait_sem
	$time time sleep wait_time
	$nil nil chan_receive_.nil_chan. wait_nil
	$elsewhere - running wait_elsewhere
	END
	has "$part" '^  Id  Name +Thread +State +For +On +Where$' || return
	[ "$(part "$part" | wc -l)" -eq 9 ]
}

backtraces()
{
	has bt '^#[0-9]+ .*kc_mutex_lock' '^#[0-9]+ .* wait_mutex \(' &&
		has all '^goroutine 1 \[running\]:$' "^goroutine $sem \"sem\" \[sem" \
			"^goroutine $elsewhere \[running\]:\$" \
			'^#[0-9]+ .* main \(' '^#[0-9]+ .* wait_mutex \(' \
			'^#[0-9]+ .* wait_group \(' '^#[0-9]+ .* wait_cond \(' \
			'^#[0-9]+ .* wait_sem \(' '^#[0-9]+ .* wait_time \(' \
			'^#[0-9]+ .* wait_nil \(' '^#[0-9]+ .* wait_elsewhere \('
}

# values DEADLINE
values()
{
	thing='-2 \(ENOENT\) "no such "thing""'
	timed="context, deadline $1 = \\{parent = background context\\}"
	has values '^\$1 = locked, others wait$' '^\$2 = unlocked$' \
		'^\$3 = counter 2, others wait$' '^\$4 = counter 0$' \
		"^\\\$5 = $thing\$" \
		"^\\\$6 = -5 \\(EIO\\) \"reading it: no such \"thing\"\" = \\{cause = $thing\\}\$" \
		'^\$7 = background context$' \
		"^\\\$8 = context, cancelled: ECANCELED = \\{cause = $thing, parent = background context\\}\$" \
		"^\\\$9 = $timed\$" \
		"^\\\$10 = context with a value, deadline $1 = \\{key = 0x[0-9a-f]+ <key>, value = 0x[0-9a-f]+ <group>, parent = $timed\\}\$" \
		'^\$11 = context without cancel = \{parent = context with a value' \
		'^\$12 = \{state = 2, reserved = \{0, 0, 0\}\}$'
}

# The command selects the goroutine, which stays selected.
switches()
{
	has switch "^goroutine $time \"time\" \\[sleep\\]:\$" '^#0 '
}

# look_at FOR DEADLINE MAIN: checks the whole output.
look_at()
{
	list list "$1" 1 "$3" && list after "$1" 1 "$3" && backtraces &&
		values "$2" && switches && list there "$1" "$time" "$3" && has_end
}

# Nothing stopped the commands.
has_end()
{
	grep -q '^== end$' "$work/said"
}

live()
{
	run "$1" && look_at '[0-9]+\.[0-9] s' 'in 1 h' ready
}

dead()
{
	core "$1" && look_at '>[0-9]+\.[0-9] s' 'at [0-9]+\.[0-9] s' ready
}

attached()
{
	attach "$1" && look_at '[0-9]+\.[0-9] s' 'in 1 h' main
}

# said PATTERN COMMAND...
said()
{
	pattern=$1
	shift
	"$@" >"$work/said" 2>&1
	grep -qE "$pattern" "$work/said" && ! grep -q Traceback "$work/said" && return
	echo "not there: $pattern"
	cat "$work/said"
	return 1
}

wrong()
{
	script=$(find "$autoload" -name '*.py')
	said '^The program is not being run\.$' debug "$work/static" \
		-ex 'info goroutines' &&
		said '^The program is not being run\.$' debug "$work/static" \
			-ex 'goroutine 1 bt' &&
		said '^There is no libkchan in this program' debug /bin/true \
			-ex "source $script" -ex starti -ex 'info goroutines' || return
	for each in 'goroutine' 'goroutine x bt' 'goroutine all' 'goroutine -1'; do
		said '^Which one\?' debug "$work/static" -ex 'break ready' -ex run \
			-ex "$each" || return
	done
	said '^There is no goroutine 99\.$' debug "$work/static" -ex 'break ready' \
		-ex run -ex 'goroutine 99 bt'
}

# Before the first goroutine is started, there is at most main's.
none_yet()
{
	said '^  Id  Name  Thread  State  For  On  Where$' debug "$work/shared" \
		-ex 'break main' -ex run -ex 'info goroutines'
}

step "install, and build with both forms of the library" install
for each in shared static; do
	step "$each: gdb loads it by itself" loaded $each
	step "$each: a process that gdb started" live $each
	step "$each: a core file of it" dead $each
	step "$each: a process that ran" attached $each
done
step "gdb does not run what it was not told to trust" not_trusted
step "before the first goroutine" none_yet
step "what is wrong is told" wrong
steps_end
