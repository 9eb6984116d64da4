"""Files with customers, without Django: what is in them, what their columns mean, which rows are good.

Light (the web process may load them): schema, cells, plaintext, objects, options, unpacking, frames, packing,
children, sampling, mapping, planning. Heavy (workers only): pieces, decoding, delimited, records, sheets, reading,
checking. In a child process with limits only: peeking, workbooks, cutting, columnar.
"""
