"""An HdrHistogram of nanoseconds and its encoding, version 2.

Values from 1 ns to an hour fall into buckets that tell two significant digits,
as those of the Go models do: see hdrhistogram.org for the layout.
"""

import base64
import struct
import zlib

LOWEST = 1
HIGHEST = 3600 * 10**9
DIGITS = 2

# 256 steps of one tell two digits of what is below 256; above, each power of
# two has 128 steps, twice as long as those of the one before it.
HALF_BITS = 7
HALF = 1 << HALF_BITS

COOKIE = 0x1C849303 | 0x10
COMPRESSED_COOKIE = 0x1C849304 | 0x10


def index(value):
    """Return the place of a value among the counts."""
    bucket = max(value.bit_length() - HALF_BITS - 1, 0)
    return (bucket << HALF_BITS) + (value >> bucket)


def highest_alike(i):
    """Return the highest value that is counted at a place."""
    bucket = max((i >> HALF_BITS) - 1, 0)
    return ((i - (bucket << HALF_BITS) + 1) << bucket) - 1


class Histogram:
    """Counts of values; one out of range is counted as the nearest within."""

    def __init__(self, values=()):
        self.counts = {}
        self.total = 0
        self.highest = 0
        for v in values:
            v = min(max(v, LOWEST), HIGHEST)
            i = index(v)
            self.counts[i] = self.counts.get(i, 0) + 1
            self.total += 1
            self.highest = max(self.highest, v)

    def percentile(self, p):
        """Return the value that so many percent of the values do not exceed."""
        wanted = max(int(p / 100 * self.total + 0.5), 1)
        seen = 0
        for i in sorted(self.counts):
            seen += self.counts[i]
            if seen >= wanted:
                return highest_alike(i)
        return 0

    def encode(self):
        """Return the histogram as the base64 text that logs have."""
        payload = bytearray()
        last = -1
        for i in sorted(self.counts):
            gap = i - last - 1
            if gap > 1:
                _put(payload, -gap)  # so many places without a count
            elif gap == 1:
                _put(payload, 0)
            _put(payload, self.counts[i])
            last = i
        head = struct.pack(">iiiiqqd", COOKIE, len(payload), 0, DIGITS, LOWEST, HIGHEST, 1.0)
        packed = zlib.compress(head + bytes(payload), 9)
        return base64.b64encode(struct.pack(">ii", COMPRESSED_COOKIE, len(packed)) + packed).decode()


def _put(out, n):
    """Append a number in ZigZag LEB128 of at most nine bytes."""
    n = (n << 1) ^ (n >> 63)
    n &= (1 << 64) - 1
    for _ in range(8):
        if n < 0x80:
            out.append(n)
            return
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
