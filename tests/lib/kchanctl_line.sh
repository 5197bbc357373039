#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
#
# The command line of kchanctl: its help, and what bash and zsh offer there. Runs on the
# building machine. TAP.

# shellcheck disable=SC2317 # functions that step calls
set -u

cd "$(dirname "$0")/../.." || exit
PATH=$(cd "${KCHAN_BUILD:-build/user}" && pwd):$PATH
# shellcheck source=scripts/step.sh
. scripts/step.sh
# shellcheck source=userspace/tools/kchanctl.bash
. userspace/tools/kchanctl.bash

# offers WORD...: what may come in place of the last word, in one line.
offers()
{
	COMP_WORDS=(kchanctl "$@")
	COMP_CWORD=$#
	_kchanctl
	echo "${COMPREPLY[*]}"
}

# said COMMAND...: what the command says, and how it ends.
said()
{
	"$@" 2>&1
	echo "status $?"
}

helps()
{
	nr=0
	for command in $(kchanctl --help |
			sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do
		text=$(said kchanctl "$command" --help)
		case $text in
		"Usage: kchanctl $command "*"Example"*"status 0") ;;
		*)
			echo "$text"
			return 1
			;;
		esac
		is "$text" said kchanctl help "$command" || return
		is "kchanctl: unrecognized option '--no-such-option'
Try 'kchanctl $command --help'.
status 2" said kchanctl "$command" --no-such-option || return
		nr=$((nr + 1))
	done
	[ "$nr" -ge 15 ]
}

# Each command that there is.
commands()
{
	all=$(offers '')
	for each in create ls stat info setup resize close rm send recv select work wait \
			peek move save load run top goroutines help --help --version; do
		case " $all " in
		*" $each "*) ;;
		*)
			echo "not there: $each"
			return 1
			;;
		esac
	done
	is 'resize recv' offers re || return
	is 'create close' offers c
}

options()
{
	is '--fd --null --message --length --raw --timeout --help' offers send - || return
	is '--timeout' offers recv --t || return
	is '--long --json --help' offers ls -- || return
	is '' offers no-such-command --
}

values()
{
	case " $(offers send --fd '') " in
	*" 0 1 "*) ;;
	*) return 1 ;;
	esac
	is 'send/s' offers top --sort se || return
	is 'help send' echo "$(offers hel) $(offers help sen)"
}

paths()
{
	work=$(mktemp -d)
	: >"$work/with space"
	: >"$work/with more"
	COMP_WORDS=(kchanctl recv "$work/with ")
	COMP_CWORD=2
	_kchanctl
	rm -r "$work"
	is 2 echo "${#COMPREPLY[@]}"
}

zsh_reads()
{
	command -v zsh >/dev/null || {
		echo "no zsh here"
		return 0
	}
	zsh -n userspace/tools/kchanctl.zsh
}

step "each command has a help" helps
step "bash: commands" commands
step "bash: options" options
step "bash: values of options" values
step "bash: paths" paths
step "zsh can read its file" zsh_reads
steps_end
