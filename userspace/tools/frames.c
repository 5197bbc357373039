// SPDX-License-Identifier: GPL-2.0-only
/*
 * kchanctl: how a stream of bytes is cut into messages.
 */
#include "kchanctl.h"

bool take_framing(struct frames *frames, int option)
{
	static const struct {
		int option;
		enum framing framing;
		char delimiter;
	} ways[] = {
		{ '0', FRAME_LINES, '\0' }, { 'm', FRAME_WHOLE, '\n' },
		{ 'l', FRAME_LENGTHS, '\n' }, { 'r', FRAME_RAW, '\n' },
	};
	size_t i;

	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		if (option != ways[i].option)
			continue;
		if (frames->chosen)
			usage("only one of --null, --message, --length, --raw");
		*frames = (struct frames){ ways[i].framing, ways[i].delimiter, true };
		return true;
	}
	return false;
}
