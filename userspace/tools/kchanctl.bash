# SPDX-License-Identifier: GPL-2.0-only
# shellcheck shell=bash
#
# bash: what may come next in a command line of kchanctl. It asks kchanctl itself for
# its commands and options, so there is no second list of them.

_kchanctl()
{
	local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}
	local words=

	COMPREPLY=()
	if ((COMP_CWORD == 1)) || [[ $COMP_CWORD == 2 && $before == help ]]; then
		words=$(kchanctl --help | sed -n '/^Commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
		((COMP_CWORD > 1)) || words="$words help --help --version"
	elif [[ $word == -* ]]; then
		words=$(kchanctl help "${COMP_WORDS[1]}" 2>/dev/null |
			sed -n 's/^  -., \(--[a-z-]*\).*/\1/p')
	elif [[ $before == --fd || $before == -f ]]; then
		# The descriptors that this shell has open.
		words=$(cd "/proc/$$/fd" && printf '%s\n' *)
	elif [[ $before == --sort || $before == -s && ${COMP_WORDS[1]} == top ]]; then
		words="len flight send/s recv/s wait owner name"
	elif [[ $before == --owner || $before == -o ]]; then
		mapfile -t COMPREPLY < <(compgen -u -- "$word")
		return
	else
		[[ $word ]] || word=/run/kchan/
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _kchanctl kchanctl
