// SPDX-License-Identifier: LGPL-2.1-or-later

//go:build race

package kchan

import (
	"runtime"
	"sync"
	"unsafe"
)

// What the race detector is told: each call on a channel comes after all calls that were
// begun on this channel before it ended. This is more than what the memory model says, so
// a race may stay unseen, but none is invented.
type raceState struct {
	sync *byte // one for each channel, whichever ends there are
}

var races sync.Map // by the channel's id

func (r *raceState) init(id uint64) {
	at, _ := races.LoadOrStore(id, new(byte))
	r.sync = at.(*byte)
}

// begin comes before each call.
func (r *raceState) begin() { runtime.RaceReleaseMerge(unsafe.Pointer(r.sync)) }

// end comes after each call that has done something.
func (r *raceState) end() { runtime.RaceAcquire(unsafe.Pointer(r.sync)) }
