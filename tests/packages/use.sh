#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
#
# In the guest, after a boot: what was installed works, for an ordinary user. The sessions
# of the documents are in pages.sh.

# shellcheck disable=SC2317 # functions that step calls
# shellcheck source=scripts/step.sh
. /check/step.sh
readme=/check/documents/README.md

# block PATTERN: the lines of the documents' first indented block that has a line like this.
block()
{
	awk -v pattern="$1" '
		/^    / { text = text substr($0, 5) "\n"; if ($0 ~ pattern) found = 1; next }
		found { exit }
		{ text = "" }
		END { if (found) printf "%s", text }' "$readme" /check/documents/*.md >/tmp/block
	[ -s /tmp/block ] && cat /tmp/block && chmod 644 /tmp/block
}

as_user()
{
	su -l user -c "$1"
}

started()
{
	failed=$(systemctl list-units --failed --plain --no-legend)
	[ -z "$failed" ] || {
		echo "$failed"
		return 1
	}
	systemctl is-active run-kchan.mount
}

device()
{
	stat -c '%F %a' /dev/kchan
	[ "$(stat -c '%F %a' /dev/kchan)" = "character special file 666" ]
}

# The module that is loaded is the one that is installed: the tools do not call it stale.
loaded()
{
	modinfo kchan || return
	[ "$(modinfo -F srcversion kchan)" = "$(cat /sys/module/kchan/srcversion)" ]
}

program()
{
	awk '/^```$/ { if (on) exit } on; /^```c$/ { on = 1 }' "$readme" >/home/user/squares.c
	# shellcheck disable=SC2016 # the user's shell's
	as_user 'cc -o squares squares.c $(pkg-config --cflags --libs libkchan) && ./squares' \
		>/tmp/squares || return
	[ "$(tail -n 1 /tmp/squares)" = 100 ] && [ "$(wc -l </tmp/squares)" = 10 ]
}

names()
{
	adduser --quiet user users
	block 'mkdir -m 2770' && sh -e /tmp/block || return
	block 'printf report.txt' && as_user 'mkdir -p names && cd names && touch a.txt b.txt &&
		sh -e /tmp/block' >/tmp/received || return
	cat /tmp/received
	grep -q . /tmp/received
}

uapi()
{
	echo '#include <kchan/uapi.h>' >/home/user/uapi.c
	as_user 'cc -fsyntax-only uapi.c' && [ ! -e /usr/include/linux/kchan.h ]
}

# Within the process, and with the tool.
python()
{
	cat >/home/user/channels.py <<-'END'
		import subprocess
		import kchan

		receiver, sender = kchan.pair(8, 4)
		with sender:
		    sender.send(b"12345678")
		assert list(receiver) == [b"12345678"]
		receiver, sender = kchan.pair(100, 4, message=True)
		fd = sender.fileno()
		subprocess.run(["kchanctl", "send", "--fd", str(fd), "text"], pass_fds=[fd], check=True)
		assert receiver.recv() == b"text"
	END
	as_user 'python3 channels.py'
}

step "systemd started everything, and mounted the names" started
step "/dev/kchan is there, for everybody" device
step "the module that is loaded is the one that is installed" loaded
step "README's program is compiled and runs, as a user" program
step "the module's header is kchan/uapi.h" uapi
step "the commands for channels with a name, as root and as a user" names
[ ! -d /usr/lib/python3/dist-packages/kchan ] ||
	step "the Python module, as a user" python
steps_end
