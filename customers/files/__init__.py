"""Files with customers, without Django: what is in them, what their columns mean, which rows are good.

Light (the web process may load them): schema, cells, sampling, mapping. Heavy (workers only): reading, checking.
"""
