"""The graveyard file, byte by byte.

A graveyard is one file of four regions, little-endian throughout:

    header     4096 bytes: fixed fields, then what identifies the run, as JSON
    markers    one byte a slot: 0 populated, 1 vacated, 2 unknown; rounded up to a page
    strings    blocks, one behind the other, each holding the tombs and the text of one module
    history    16 bytes a slot: when it was called (tombs.runtime.history)

Rules that hold at every instant, so that a process killed between any two instructions spoils
nothing:

- `used` (header) is the commit: a block exists when `used` lies behind it. It is one aligned 8-byte
  store, made after every byte of the block, and only under the registration lock. Bytes beyond
  `used` are nobody's: the next registration writes over them.
- Blocks never move and never change, but for the byte that settles one, and what is entered into
  a journal (tombs.journal). A block's slots are `base` to `base + count`; blocks follow
  one another in the order of their slots without a gap.
- A marker leaves 0 once and is then 1 for good; 2 may become 1. Each is a single byte, so a store
  can't be torn and needs no lock.
- Every byte below `allocated` (and every page of markers and history that belongs to an allotted
  slot) has been allocated on disk before it is written, so a full disk is an error at registration,
  never a SIGBUS at a call.

A graveyard that is sent over a socket has its history behind the last committed block, of the slots
that are used, and nothing between.

Field by field:

    header                                     block (starts at a multiple of 8)
       0  8s  magic                               0  u32  magic
       8  u32 format version                      4  u16  kind (1 module, 2 note, 3 pending,
                                                          4 stack, 5 journal)
      12  u32 byte order probe                    6  u16  flags (1: loaded before watching began)
      16  u64 slots: how many markers             8  u32  size in bytes, header and padding included
      24  u64 offset of markers                  12  u32  count of slots
      32  u64 offset of strings                  16  u32  base slot
      40  u64 size of strings                    20  u32  crc32 of the image
      48  u64 created, ns since the epoch        24  u64  when, ns since the epoch
      56  u64 length of the identity             32  16s  digest of the image (of a note: zeros)
      64  u64 used: bytes of strings committed   48  u32  length of the image
      72  u64 slots used                         52  u8   1 when settled (kinds 3, 5); zeros
      80  u64 allocated: bytes of strings        64       image (tombs.block), a note's JSON, ...
      88  u64 processes that took part
      96  u64 functions dropped, beyond the notes
     104  u64 seen: ns of the newest heartbeat
     112  u64 ended: ns of the last orderly end, 0 while none
     120  u64 paused: ns, of the time between created and seen, when nobody watched
     128  u64 steady: ns by the monotonic clock at the newest heartbeat, 0 where it isn't known
     256      the identity, JSON in UTF-8
"""

from __future__ import annotations

import _struct as struct  # struct itself would be a module more

MAGIC = b"TOMBS\r\n\x1a"
VERSION = 3
PROBE = 0x01020304

HEADER_SIZE = 4096
HEADER = struct.Struct("<8sIIQQQQQQQQQQQQQQ")
IDENTITY_AT = 256
IDENTITY_MOST = HEADER_SIZE - IDENTITY_AT

# Fields that change, as indexes of 8-byte words: readers of the mapping cast it to such words.
CREATED = 48 // 8
USED = 64 // 8
SLOTS_USED = 72 // 8
ALLOCATED = 80 // 8
PROCESSES = 88 // 8
DROPPED = 96 // 8
SEEN = 104 // 8
ENDED = 112 // 8
PAUSED = 120 // 8
STEADY = 128 // 8  # beyond HEADER: only who writes heartbeats reads it

POPULATED = 0
VACATED = 1
UNKNOWN = 2

BLOCK = struct.Struct("<IHHIIIIQ16sIB11x")
SETTLED_AT = 52
BLOCK_SIZE = 64
BLOCK_MAGIC = 0x424D4F54
MODULE = 1
NOTE = 2
PENDING = 3
STACK = 4
JOURNAL = 5
ENTRY = 8  # bytes of a digest, for each module in a journal; zeros where there is none
LATE = 1

PAGE = 4096
# Of one slot: first and last call, seconds since `created`, 0 for never; processes; a spare one.
ROW = struct.Struct("<IIII")


def round_up(number: int, to: int) -> int:
    """Give the least multiple of `to` that isn't below `number`."""
    return -(-number // to) * to


def regions(slots: int, strings: int) -> tuple[int, int, int]:
    """Say where a graveyard's regions lie.

    Args:
        slots: how many markers.
        strings: bytes of the strings region.

    Returns:
        Offset of the markers, offset of the strings, size of the file; all in bytes.
    """
    strings_at = HEADER_SIZE + round_up(slots, PAGE)
    return HEADER_SIZE, strings_at, history_at(slots, strings) + round_up(slots * ROW.size, PAGE)


def history_at(slots: int, strings: int) -> int:
    """Say where the history lies: behind the strings."""
    return HEADER_SIZE + round_up(slots, PAGE) + round_up(strings, PAGE)
