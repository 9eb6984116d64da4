"""What a child process that opens files writes on its standard output: frames, each of a kind, a length and a content.

A frame of kind END comes last; when it does not come, the child has met its limits.
"""

import struct

# First rows as JSON; rows, packed by column or as a stream of Arrow; a problem; the end of a part, after which another
# child's comes; the end.
JSON, PACKED, ARROW, PROBLEM, TURN, END = b"J", b"C", b"A", b"P", b"T", b"."
# One byte for the kind, eight for the length.
HEADER = struct.Struct(">cQ")
