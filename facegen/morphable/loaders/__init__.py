"""Face models' file formats, one a file, found by name.

A loader is a module with `recognise(path)`, which says by content alone whether a path holds its
format (cheaply, and never raising for foreign content), and `load(path)`, which reads it and raises
UserError for what is broken. Adding a format adds a file.
"""
