#compdef kchanctl
# SPDX-License-Identifier: GPL-2.0-only
#
# zsh: what may come next in a command line of kchanctl. It asks kchanctl itself for its
# commands and options, so there is no second list of them.

_kchanctl() {
	local -a found
	local before=$words[CURRENT-1]

	if (( CURRENT == 2 )) || [[ $CURRENT == 3 && $before == help ]]; then
		found=(${(f)"$(kchanctl --help |
			sed -n '/^Commands:/,/^$/s/^  \([a-z]*\)  *\(.*\)/\1:\2/p')"})
		(( CURRENT > 2 )) || found+=('help:tell more of a command')
		_describe -t commands command found
	elif [[ $words[CURRENT] == -* ]]; then
		found=(${(f)"$(kchanctl help $words[2] 2>/dev/null |
			sed -n 's/^  -., \(--[a-z-]*\).*/\1/p')"})
		compadd -a found
	elif [[ $before == --fd || $before == -f ]]; then
		compadd /proc/$$/fd/*(N:t)
	elif [[ $before == --sort || $before == -s && $words[2] == top ]]; then
		compadd len flight send/s recv/s wait owner name
	elif [[ $before == --owner || $before == -o ]]; then
		_users
	elif [[ -z $words[CURRENT] ]]; then
		compadd -f -- /run/kchan/*(N)
		_files
	else
		_files
	fi
}

_kchanctl "$@"
