"""K-means, from columns to segments: pure computation that knows neither Django nor a database.

Light (standard library and numpy, the web process may load them): shapes, model, explaining, naming.
Heavy (workers only): preparing, fitting, measuring, choosing, matching, profiling.
"""
